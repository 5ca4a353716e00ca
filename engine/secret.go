package engine

// Secret is one credential in a file, in the image's configuration or its history. Its value is kept nowhere.
type Secret struct {
	Rule     string `json:"rule"` // id of the pattern: "aws-access-key-id"
	Title    string `json:"title"`
	Severity Level  `json:"severity" enum:"critical,high,medium,low,negligible,unknown"`
	Path     Maybe  `json:"path"`     // null for what is no file
	Subject  Maybe  `json:"subject"`  // what has no path: "env AWS_SECRET_ACCESS_KEY", "history 3", "label build.token"
	Layer    Maybe  `json:"layer"`    // diff ID of the layer that holds it
	Line     int    `json:"line"`     // from 1; 0 when there is none
	Redacted string `json:"redacted"` // what tells it from others without giving it away: "AKIA****************"
	// Hash is the first 16 bits, in hex, of a hash of the value: enough to tell a value from the one that took its place, too little to find
	// it by. It is part of the fingerprint and stands in no report.
	Hash string `json:"-"`
	// DeletedLater says that a later layer removes or replaces the file: whoever pulls the image still gets it.
	DeletedLater bool   `json:"deleted_later"`
	OwnedBy      Maybe  `json:"owned_by"` // "deb/ssl-cert": a file that a package brought and nobody changed is published to the world
	Ref          string `json:"ref"`
	Fingerprint  string `json:"fingerprint"`
	WaivedBy     Maybe  `json:"waived_by"`
}

// Account is one user of the image, from passwd, shadow and group.
type Account struct {
	Name  string `json:"name"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Home  Maybe  `json:"home"`
	Shell Maybe  `json:"shell"`
	Login bool   `json:"login"` // its shell is one that lets a person in
	// Password is "locked", "empty" (anyone may log in), "set", or "unknown".
	Password string   `json:"password" enum:"locked,empty,set,unknown"`
	Groups   []string `json:"groups"` // that name it as a member
	Path     Maybe    `json:"path"`
}
