package veto.secrets_test

import data.veto.fixture
import data.veto.secrets

with_secrets(list) := object.union(fixture.base, {"secrets": list})

test_secret_found_fires if {
	{r.msg | some r in secrets.warn["secret-found"]} == {"Private key (-----BEGIN PRIVATE KEY-----) in app/key.pem:1"} with input as with_secrets([fixture.secret])
	{r.finding | some r in secrets.warn["secret-found"]} == {"s0000000000000001"} with input as with_secrets([fixture.secret])
}

test_secret_found_says_deleted if {
	some r in secrets.warn["secret-found"] with input as with_secrets([object.union(fixture.secret, {"deleted_later": true})])
	endswith(r.msg, "it can still be pulled")
}

test_secret_found_in_the_configuration if {
	{r.msg | some r in secrets.warn["secret-found"]} == {"Private key (-----BEGIN PRIVATE KEY-----) in env KEY"} with input as with_secrets([object.union(fixture.secret, {"path": null, "subject": "env KEY", "line": 0})])
}

test_secret_found_silent if {
	count(secrets.warn["secret-found"]) == 0 with input as fixture.base
	count(secrets.warn["secret-found"]) == 0 with input as with_secrets([object.union(fixture.secret, {"owned_by": "deb/ssl-cert"})])
	count(secrets.warn["secret-found"]) == 0 with input as with_secrets([object.union(fixture.secret, {"severity": "low"})])
}

test_secret_found_skipped if {
	count(secrets.skip["secret-found"]) == 0 with input as fixture.base
	count(secrets.skip["secret-found"]) == 1 with input as object.union(fixture.base, {"weakened": [{"what": "--no-secrets", "from": null, "to": null, "where": "flag --no-secrets"}]})
	count(secrets.skip["secret-found"]) == 1 with input as object.union(fixture.base, {"image": object.union(fixture.base.image, {"source": "sbom"})})
}
