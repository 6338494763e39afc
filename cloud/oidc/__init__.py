"""Coming in by an identity provider (OpenID Connect): it says who somebody is, the accounts who may come in."""
