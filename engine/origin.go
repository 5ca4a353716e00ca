package engine

// Base is the image that this one was built on.
type Base struct {
	Name   Maybe  `json:"name"`   // as --base names it, or as a label of the image does
	Digest Digest `json:"digest"` // likewise
	// State: verified is an image that the user named and whose layers, hashed by veto, are the oldest ones of this image; mismatch is one
	// that the user named and whose layers are not; claimed is what the image says about itself.
	State string `json:"state" enum:"verified,claimed,mismatch"`
	From  string `json:"from" enum:"flag,labels,history"`
	// Layers is how many of the image's layers, the oldest, are the base's; 0 when that is not known.
	Layers int `json:"layers"`
}

// Origin says whose part of an image something is from.
type Origin string

// The origins.
const (
	OriginBase    Origin = "base"    // a layer of the base image, which is verified, brought it
	OriginOwn     Origin = "own"     // a layer on top of the base brought it
	OriginUnknown Origin = "unknown" // it is not known where the base ends, or only claimed
)

// Referrer is an artifact that refers to the image: a signature, an attestation, an SBOM. That it is there is all that is known of it;
// nothing has been verified.
type Referrer struct {
	Digest       Digest   `json:"digest"`
	Subject      Digest   `json:"subject"` // what it refers to: the image's manifest, or the index that the user named
	MediaType    string   `json:"media_type"`
	ArtifactType Maybe    `json:"artifact_type"`
	Predicates   []string `json:"predicates"` // types of attestations, where the index or annotations name them; sorted
	Size         int64    `json:"size"`
	// Source: index is a manifest beside the image in its own index (BuildKit), api and tag are the two ways of the distribution
	// specification, cosign-tag is sigstore's older one.
	Source string `json:"source" enum:"index,api,tag,cosign-tag"`
}
