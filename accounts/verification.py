"""Verifying the audit trail: the chain entry by entry, its end, and the signed checkpoints."""

import base64
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from accounts.audit import GENESIS, entry_hash
from accounts.models import AuditCheckpoint, AuditEntry, AuditHead


@dataclass(frozen=True)
class Verdict:
    """Whether the trail holds; if not, the first bad entry and what is wrong with it, in Chinese."""

    entries: int
    checkpoints: int
    bad_seq: int | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        return self.bad_seq is None


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.CHECKPOINT_KEY))


def _statement(seq: int, digest: str) -> bytes:
    return f"dunmiao audit {seq} {digest}".encode()


def _head() -> AuditHead:
    """The end of the chain as it was last written; a missing row says that nothing was, which the entries then belie."""
    return AuditHead.objects.filter(pk=1).first() or AuditHead(pk=1, seq=0, hash=GENESIS)


def make_checkpoint() -> AuditCheckpoint | None:
    """Sign the chain's present end; None when nothing was added since the last checkpoint."""
    with transaction.atomic():
        head = _head()
        if head.seq == 0 or AuditCheckpoint.objects.filter(seq=head.seq).exists():
            return None
        signature = base64.b64encode(_key().sign(_statement(head.seq, head.hash))).decode()
        return AuditCheckpoint.objects.create(seq=head.seq, hash=head.hash, signature=signature)


def verify_audit() -> Verdict:
    """Read the whole trail once, in one snapshot, and name the first entry that is altered, missing or out of place."""
    with transaction.atomic():
        return _verify()


def _verify() -> Verdict:
    checkpoints = {point.seq: point for point in AuditCheckpoint.objects.all()}
    for point in checkpoints.values():
        try:
            _key().public_key().verify(base64.b64decode(point.signature), _statement(point.seq, point.hash))
        except (InvalidSignature, ValueError):
            return Verdict(0, len(checkpoints), point.seq, "检查点的签名不对")
    head = _head()
    seq, previous = 0, GENESIS
    for entry in AuditEntry.objects.order_by("seq").iterator(chunk_size=5000):
        if entry.seq != seq + 1:
            return Verdict(seq, len(checkpoints), seq + 1, f"缺第 {seq + 1} 条，后面直接是第 {entry.seq} 条")
        if entry.previous != previous:
            return Verdict(seq, len(checkpoints), entry.seq, "与前一条接不上")
        if entry.hash != entry_hash(entry):
            return Verdict(seq, len(checkpoints), entry.seq, "内容被改过")
        signed = checkpoints.get(entry.seq)
        if signed and signed.hash != entry.hash:
            return Verdict(seq, len(checkpoints), entry.seq, "与签名的检查点不符")
        seq, previous = entry.seq, entry.hash
    last = max([head.seq, *checkpoints], default=0)
    if seq < last:
        return Verdict(seq, len(checkpoints), seq + 1, f"第 {seq + 1} 条至第 {last} 条被截掉")
    if seq != head.seq or (seq and previous != head.hash):
        return Verdict(seq, len(checkpoints), seq, "链尾记录与最后一条不符")
    return Verdict(seq, len(checkpoints))
