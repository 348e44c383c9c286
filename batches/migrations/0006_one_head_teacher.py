import datetime

from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

# Some databases have the constraint already; it is made anew, alike everywhere.
DROP = "ALTER TABLE batches_programme DROP CONSTRAINT IF EXISTS programme_quota_from_one"


def later_took_over(apps, schema_editor):
    """Of head teachers that two clerks appointed at once the later one took over, as for those appointed in turn:
    the one before ends the day before, and one that began no earlier never held."""
    rows = apps.get_model('batches', 'ClassStaff').objects.filter(kind='head_teacher', until__isnull=True)
    last = {}
    for row in rows.order_by('practice_class', '-since', '-pk'):
        later = last.setdefault(row.practice_class_id, row)
        if row.since < later.since:
            row.until = later.since - datetime.timedelta(days=1)
            row.save(update_fields=['until'])
            last[row.practice_class_id] = row
        elif row is not later:
            row.delete()
    for when in ('IMMEDIATE', 'DEFERRED'):  # the pending checks are done before the table gets its index
        schema_editor.execute(f'SET CONSTRAINTS ALL {when}')


class Migration(migrations.Migration):
    """The quota is checked in rows that are written from now on: a stored 0 is what a published batch was planned with,
    and stays; of a programme that goes on, the form asks for another."""

    dependencies = [
        ('batches', '0005_quota_from_one'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(DROP, migrations.RunSQL.noop),
        AddConstraintNotValid(
            model_name='programme',
            constraint=models.CheckConstraint(condition=models.Q(('unit_max_per_batch__gte', 1)), name='programme_quota_from_one', violation_error_message='各单位每期最多至少 1 人。某个单位不派人，到单位资料里把它的名额改为 0。'),
        ),
        migrations.RunPython(later_took_over, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='classstaff',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'head_teacher'), ('until__isnull', True)), fields=('practice_class',), name='one_head_teacher_a_class', violation_error_message='一个班同时只有一名班主任：请刷新页面，看过现在是谁再换人。'),
        ),
    ]
