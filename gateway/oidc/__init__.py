"""Sign-in with OpenID Connect providers, for organisations."""
