"""The trigger that chains audit entries, and the head row it keeps.

The function belongs to the database's owner and runs with the owner's rights (SECURITY DEFINER): the web role may insert
entries, yet neither choose their place in the chain nor touch the head.
"""

from django.db import migrations

FORWARD = r"""
INSERT INTO accounts_audithead (id, seq, hash) VALUES (1, 0, repeat('0', 64)) ON CONFLICT DO NOTHING;

CREATE FUNCTION accounts_chain_audit_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    head accounts_audithead%ROWTYPE;
BEGIN
    SELECT * INTO head FROM accounts_audithead WHERE id = 1 FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO accounts_audithead (id, seq, hash) VALUES (1, 0, repeat('0', 64)) RETURNING * INTO head;
    END IF;
    NEW.seq := head.seq + 1;
    NEW.previous := head.hash;
    NEW.at := clock_timestamp();
    NEW.hash := encode(sha256(convert_to(concat_ws(E'\x1f',
        NEW.previous, NEW.seq::text, to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        coalesce(NEW.actor_id::text, ''), NEW.actor, NEW.act, NEW.subject_type, NEW.subject_id, NEW.subject,
        NEW.reason, NEW.data, NEW.request_id, NEW.address), 'UTF8')), 'hex');
    UPDATE accounts_audithead SET seq = NEW.seq, hash = NEW.hash WHERE id = 1;
    RETURN NEW;
END $$;

CREATE TRIGGER chain_audit_entry BEFORE INSERT ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION accounts_chain_audit_entry();
"""

BACKWARD = """
DROP TRIGGER chain_audit_entry ON accounts_auditentry;
DROP FUNCTION accounts_chain_audit_entry();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
