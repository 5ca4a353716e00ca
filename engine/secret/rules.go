package secret

import (
	"regexp"
	"strings"
	"sync"

	"github.com/vetoci/veto/engine"
)

// rule is one kind of credential.
type rule struct {
	id, title string
	severity  engine.Level
	// keywords are texts of which the pattern needs one, in any case: a file without any is not searched. They are at least three bytes long.
	keywords []string
	pattern  string  // RE2; its one group, or all of it, is the secret
	entropy  float64 // bits per byte that the secret has at least (Shannon); 0 asks for nothing
	lines    int     // that the pattern goes on over, 0 is one
	run      int     // how many characters of tokens follow a keyword at least, which no word in between has: it spares most searches
	config   bool    // looked for in files of configuration only: in programs such names stand beside words of every kind

	compile func() *regexp.Regexp
}

const (
	critical = engine.Critical
	high     = engine.High
	medium   = engine.Medium
)

// token is a rule for a secret that begins with a text of its own.
func token(id, title string, severity engine.Level, prefix, rest string) rule {
	run := 14
	if strings.Contains(rest, "+/") { // as paths have
		run = 0
	}
	return rule{id: id, title: title, severity: severity, keywords: []string{prefix}, run: run, pattern: `\b(` + regexp.QuoteMeta(prefix) + rest + `)(?:[^A-Za-z0-9_]|$)`, entropy: 2.5}
}

// named is a rule for a secret without a form that could be told by itself, beside the name of whom it is for.
func named(id, title string, severity engine.Level, name, value string) rule {
	return rule{id: id, title: title, severity: severity, keywords: []string{name},
		pattern: `(?i)` + regexp.QuoteMeta(name) + `[a-z0-9_.\- ]{0,30}["']?\s{0,3}(?:=|:|=>|:=)\s{0,3}["']?(` + value + `)(?:[^A-Za-z0-9_]|$)`, entropy: 3}
}

// rules lists what is looked for. The forms are those that the issuers document, or that their tokens have had; ids are permanent.
func rules() []rule {
	all := append(append(append(clouds(), sources()...), services()...), general()...)
	for i := range all {
		r := &all[i]
		pattern := r.pattern
		if r.run > 0 { // it is tried where its keyword stands, or one character before, and nowhere else
			pattern = `\A(?s:.?)` + pattern
		}
		r.compile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	}
	return all
}

func clouds() []rule {
	return []rule{
		{id: "aws-access-key-id", title: "AWS access key id", severity: high, keywords: []string{"AKIA", "ASIA", "ABIA", "ACCA"}, pattern: `\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b`, entropy: 3, run: 14},
		{id: "aws-secret-access-key", title: "AWS secret access key", severity: critical, keywords: []string{"aws"}, pattern: `(?i)aws[a-z_.\-]{0,20}(?:secret|key)[a-z_.\-]{0,20}["']?\s{0,3}(?:=|:|=>)\s{0,3}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)`, entropy: 4},
		{id: "aws-bedrock-key", title: "Amazon Bedrock API key", severity: critical, keywords: []string{"ABSK"}, pattern: `\b(ABSK[A-Za-z0-9+/]{109,269}={0,2})`, entropy: 3},
		{id: "gcp-service-account-key", title: "Google Cloud service account key", severity: critical, keywords: []string{`"private_key_id"`}, pattern: `"private_key_id"\s{0,3}:\s{0,3}"([0-9a-f]{40})"`, entropy: 3},
		{id: "gcp-api-key", title: "Google API key", severity: high, keywords: []string{"AIza"}, pattern: `\b(AIza[A-Za-z0-9_\-]{35})(?:[^A-Za-z0-9_\-]|$)`, entropy: 3.5, run: 14},
		{id: "gcp-oauth-client-secret", title: "Google OAuth client secret", severity: high, keywords: []string{"GOCSPX-"}, pattern: `\b(GOCSPX-[A-Za-z0-9_\-]{28})(?:[^A-Za-z0-9_\-]|$)`, entropy: 3},
		{id: "azure-storage-key", title: "Azure storage account key", severity: critical, keywords: []string{"AccountKey="}, pattern: `AccountKey=([A-Za-z0-9+/]{86}==)`, entropy: 4},
		{id: "azure-client-secret", title: "Azure application secret", severity: critical, keywords: []string{"8Q~"}, pattern: `(?:^|[^A-Za-z0-9_~.\-])([A-Za-z0-9_~.]{3}8Q~[A-Za-z0-9_~.\-]{31,34})(?:[^A-Za-z0-9_~.\-]|$)`, entropy: 3},
		{id: "azure-sas-signature", title: "Azure shared access signature", severity: high, keywords: []string{"sig="}, pattern: `[?&]sv=20[0-9-]{8}&[^\s"']{0,300}sig=([A-Za-z0-9%+/]{43,60}(?:=|%3D))`, entropy: 3.5},
		{id: "azure-servicebus-key", title: "Azure Service Bus or Event Hubs key", severity: critical, keywords: []string{"SharedAccessKey="}, pattern: `SharedAccessKey=([A-Za-z0-9+/]{43}=)`, entropy: 3.5},
		{id: "alibaba-access-key-id", title: "Alibaba Cloud access key id", severity: high, keywords: []string{"LTAI"}, pattern: `\b(LTAI[A-Za-z0-9]{17,21})\b`, entropy: 3, run: 14},
		{id: "tencent-secret-id", title: "Tencent Cloud secret id", severity: high, keywords: []string{"AKID"}, pattern: `\b(AKID[A-Za-z0-9]{32})\b`, entropy: 3, run: 14},
		token("digitalocean-token", "DigitalOcean token", critical, "dop_v1_", `[a-f0-9]{64}`),
		token("digitalocean-oauth-token", "DigitalOcean OAuth token", high, "doo_v1_", `[a-f0-9]{64}`),
		token("digitalocean-refresh-token", "DigitalOcean refresh token", high, "dor_v1_", `[a-f0-9]{64}`),
		named("heroku-api-key", "Heroku API key", high, "heroku", `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		token("heroku-token", "Heroku token", high, "HRKU-AA", `[A-Za-z0-9_\-]{58}`),
		named("cloudflare-api-key", "Cloudflare API key", high, "cloudflare", `[A-Za-z0-9_\-]{40}|[a-f0-9]{37}`),
		token("cloudflare-origin-ca-key", "Cloudflare origin CA key", high, "v1.0-", `[a-f0-9]{24}-[a-f0-9]{146}`),
		token("fly-token", "Fly.io token", high, "fo1_", `[A-Za-z0-9_\-]{43}`),
		token("vault-token", "HashiCorp Vault token", critical, "hvs.", `[A-Za-z0-9_\-]{90,120}`),
		token("vault-batch-token", "HashiCorp Vault batch token", high, "hvb.", `[A-Za-z0-9_\-]{138,300}`),
		{id: "terraform-cloud-token", title: "Terraform Cloud token", severity: critical, keywords: []string{".atlasv1."}, pattern: `\b([A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=\-]{60,70})`, entropy: 3},
		token("pulumi-token", "Pulumi token", high, "pul-", `[a-f0-9]{40}`),
		token("doppler-token", "Doppler token", critical, "dp.pt.", `[A-Za-z0-9]{43}`),
		token("infisical-token", "Infisical service token", high, "st.", `[a-f0-9]{24}\.[a-f0-9]{32}\.[a-f0-9]{32}`),
		{id: "onepassword-service-account", title: "1Password service account token", severity: critical, keywords: []string{"ops_eyJ"}, pattern: `\b(ops_eyJ[A-Za-z0-9+/]{250,}={0,3})`, entropy: 3.5},
		{id: "age-secret-key", title: "age secret key", severity: critical, keywords: []string{"AGE-SECRET-KEY-1"}, pattern: `(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})`, entropy: 3},
		token("planetscale-token", "PlanetScale token", high, "pscale_tkn_", `[A-Za-z0-9_.=\-]{32,64}`),
		token("planetscale-password", "PlanetScale password", high, "pscale_pw_", `[A-Za-z0-9_.=\-]{32,64}`),
		token("databricks-token", "Databricks token", high, "dapi", `[a-f0-9]{32}(?:-[0-9])?`),
		token("snowflake-token", "Snowflake programmatic access token", high, "ver:1-hint:", `[0-9]{8,20}-ETMsDgAAA[A-Za-z0-9+/=]{60,}`),
	}
}

func sources() []rule {
	return []rule{
		token("github-pat", "GitHub personal access token", critical, "ghp_", `[A-Za-z0-9]{36}`),
		token("github-fine-grained-pat", "GitHub fine-grained token", critical, "github_pat_", `[A-Za-z0-9]{22}_[A-Za-z0-9]{59}`),
		token("github-oauth", "GitHub OAuth token", high, "gho_", `[A-Za-z0-9]{36}`),
		token("github-user-token", "GitHub user-to-server token", high, "ghu_", `[A-Za-z0-9]{36}`),
		token("github-app-token", "GitHub server-to-server token", high, "ghs_", `[A-Za-z0-9]{36}`),
		token("github-refresh-token", "GitHub refresh token", high, "ghr_", `[A-Za-z0-9]{36,76}`),
		token("gitlab-pat", "GitLab personal access token", critical, "glpat-", `[A-Za-z0-9_\-]{20,64}(?:\.[a-z0-9.]{2,20})?`),
		token("gitlab-deploy-token", "GitLab deploy token", high, "gldt-", `[A-Za-z0-9_\-]{20,64}`),
		token("gitlab-runner-token", "GitLab runner token", high, "glrt-", `[A-Za-z0-9_\-]{20,64}`),
		token("gitlab-trigger-token", "GitLab pipeline trigger token", high, "glptt-", `[a-f0-9]{40}`),
		token("gitlab-oauth-secret", "GitLab OAuth application secret", high, "gloas-", `[A-Za-z0-9_\-]{64}`),
		token("gitlab-job-token", "GitLab CI job token", medium, "glcbt-", `[A-Za-z0-9]{1,5}_[A-Za-z0-9_\-]{20,64}`),
		token("bitbucket-app-password", "Bitbucket app password", high, "ATBB", `[A-Za-z0-9]{32}`),
		token("atlassian-api-token", "Atlassian API token", high, "ATATT3", `[A-Za-z0-9_\-=]{186}`),
		token("npm-token", "npm token", critical, "npm_", `[A-Za-z0-9]{36}`),
		{id: "npmrc-auth-token", title: "npm registry password", severity: high, keywords: []string{":_authToken", ":_password"}, pattern: `//[^\s:]{1,200}/:_(?:authToken|password)\s{0,3}=\s{0,3}["']?([A-Za-z0-9_\-+/=.]{16,400})`, entropy: 3},
		token("pypi-token", "PyPI token", critical, "pypi-AgE", `[A-Za-z0-9_\-]{50,}`),
		token("rubygems-token", "RubyGems token", critical, "rubygems_", `[a-f0-9]{48}`),
		token("crates-io-token", "crates.io token", critical, "cio", `[A-Za-z0-9]{32}`),
		token("nuget-api-key", "NuGet API key", critical, "oy2", `[a-z0-9]{43}`),
		token("clojars-token", "Clojars token", high, "CLOJARS_", `[a-z0-9]{60}`),
		token("dockerhub-pat", "Docker Hub token", critical, "dckr_pat_", `[A-Za-z0-9_\-]{27}`),
		token("dockerhub-oat", "Docker Hub organisation token", critical, "dckr_oat_", `[A-Za-z0-9_\-]{32}`),
		{id: "docker-config-auth", title: "registry password in a Docker configuration", severity: critical, keywords: []string{`"auth"`}, pattern: `"auth"\s{0,3}:\s{0,3}"([A-Za-z0-9+/]{12,}={0,2})"`, entropy: 3, config: true},
		token("artifactory-token", "JFrog Artifactory API key", high, "AKCp", `[A-Za-z0-9]{60,80}`),
		token("artifactory-reference-token", "JFrog reference token", high, "cmVmdGtu", `[A-Za-z0-9]{56}`),
		token("sonarqube-token", "SonarQube token", high, "squ_", `[a-f0-9]{40}`),
		{id: "git-credentials", title: "password in an address", severity: high, keywords: []string{"://"}, pattern: `\b[a-z][a-z0-9+.\-]{1,20}://[A-Za-z0-9._%+\-]{1,80}:([^\s@/:"'<>${}]{8,200})@[A-Za-z0-9][A-Za-z0-9.\-]{2,}`, entropy: 2.5, config: true},
		{id: "netrc-password", title: "password in .netrc", severity: high, keywords: []string{"machine "}, pattern: `\bmachine\s+\S{3,200}\s+login\s+\S{1,200}\s+password\s+(\S{6,200})`, entropy: 2.5, lines: 3, config: true},
	}
}
