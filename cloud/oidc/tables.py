"""The tables of sign-in by an identity provider. Of every secret there is its digest alone; all moments are ms."""

from sqlalchemy import BigInteger, Column, Table, Text, UniqueConstraint

from cloud.database import metadata

# By whom the account `name` is entered too: the provider's own, lasting word for a person. One account has one at most,
# and one stands for one account.
bound_subject = Table(
    "bound_subject",
    metadata,
    Column("name", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("bound_at", BigInteger, nullable=False),
    UniqueConstraint("issuer", "subject", name="bound_subject_once"),
)

# Browsers that were sent to the provider and are not back. `digest`: of what that browser keeps. `whom`: the digest of
# the link or of the session that a subject is to be bound by. `target`: the page that was wanted.
oidc_trip = Table(
    "oidc_trip",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("whom", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)
