package engine

// Limits on hostile input, in one place. Bytes unless the name says otherwise. Reaching one that concerns a single file is a
// gap of kind limit; reaching one that concerns a whole source is an error (exit 3).
const (
	MaxArchiveFiles   = 100_000   // files of an outer archive: layers, manifests
	MaxRetained       = 96 << 20  // of an archive that passes by once: its documents, and layers small enough to be read again
	MaxTrailing       = 1 << 30   // after the end of an archive or of a layer's tar
	MaxEntries        = 500_000   // headers of one layer; the largest public images have fewer in all
	MaxPaths          = 64 << 20  // paths and links' targets of one layer
	MaxEvidence       = 80 << 20  // what inspectors found in one layer, as evidenceBytes of package scan counts it
	MaxGaps           = 100       // entries of one layer, or faults of one database or archive, that are named; more are counted
	MaxNamedGaps      = 1_000     // gaps of one kind that a report names; more are counted
	MaxFileSize       = 8 << 40   // one file, sparse ones too; ext4 ends at 16 TB
	MaxOwner          = 1<<32 - 1 // number of a user or group: Linux has 32 bits (uid_t)
	MaxPath           = 4096      // PATH_MAX (limits.h)
	MaxDepth          = 512       // components of a path
	MaxLinks          = 40        // that one path leads through, as Linux's MAXSYMLINKS (path_resolution(7))
	MaxLayers         = 1024      // Docker stops at 127, OCI names no number
	MaxManifest       = 4 << 20   // distribution-spec: registries need not accept more
	MaxConfig         = 4 << 20   // as a manifest; real ones have some kilobytes
	MaxBlobRange      = 256 << 20 // one part of a blob that memory holds
	MaxReferrers      = 4096      // artifacts that refer to one image
	MaxAnnotations    = 64 << 10  // keys and values of one artifact together
	MaxTOC            = 48 << 20  // the table of contents of one layer; a larger one is not read
	MaxTOCEntries     = 400_000   // of such a table; likewise
	MaxTOCChunk       = 32 << 20  // a part of a file that is verified by itself, and so held in memory
	MaxJSONDepth      = 128       // levels of JSON or YAML: what parses it recurses, and real documents have some ten
	MaxInflated       = 256 << 30 // one layer
	MaxRatio          = 500       // inflated to compressed, counted from MaxRatioAfter on; deflate itself ends at 1032
	MaxRatioAfter     = 4 << 30   // zeros alone have such ratios, and honest layers may have files of zeros
	MaxWindow         = 32 << 20  // of a zstd frame; RFC 8878, 3.1.1.1.2 asks for 8 MB, and builders go up to this
	MaxHeader         = 1 << 20   // one PAX or GNU long-name header
	MaxPackageDB      = 32 << 20  // dpkg status, apk installed; real ones have a few MB
	MaxPackages       = 30_000    // of one database
	MaxRelations      = 64 << 10  // bytes of what one package needs, or provides; longer is left out, and its reach unknown
	MaxProvided       = 200_000   // names that the packages of an image provide; later packages are then left out likewise
	MaxArchiveHeld    = 64 << 20  // a Java archive of a compressed layer, which memory holds
	MaxArchiveEntries = 200_000   // files of one, with those of the archives in it
	MaxArchiveList    = 24 << 20  // the list of files of one archive
	MaxNestedBytes    = 256 << 20 // that is unpacked of one archive, with such lists
	MaxArchiveFolders = 64        // of classes of an archive without coordinates, that are compared with those of known packages
	MaxNestedArchives = 4         // depth of archives in archives
	MaxRPMDatabase    = 64 << 20  // one rpm database of a compressed layer, which memory holds
	MaxRPMHeader      = 16 << 20  // one package in it; rpm itself takes 256 MB, real ones have up to 4
	MaxRPMTags        = 65_535    // values of one package, as rpm has it
	MaxFileList       = 16 << 20  // one package's list of files
	MaxOwnedFiles     = 250_000   // of such a list
	MaxMetadata       = 8 << 20   // package.json, METADATA, PKG-INFO
	MaxRelease        = 1 << 20   // os-release
	MaxReleaseFile    = 64 << 10  // a JDK's release file, a Go toolchain's VERSION
	MaxProgram        = 2 << 30   // an executable whose build information is read
	MaxProgramHeld    = 32 << 20  // of one in a stream, that is held in memory for that; a larger one is searched as it passes
	MaxBuildInfo      = 1 << 20   // the modules of a Go program
	MaxAccounts       = 4 << 20   // passwd, shadow or group
	MaxAccountLines   = 50_000    // of one of them
	MaxLicense        = 1 << 20   // a copyright file or the text of a licence
	MaxLicenses       = 100       // that one file names
	MaxSecretFile     = 1 << 20   // a text that is searched for secrets; larger ones are data
	MaxSecretWork     = 16        // times a text that the patterns for secrets may see of it; more is a gap
	MaxSecrets        = 50        // of one file
	MaxLinked         = 4 << 20   // names of the libraries and symbols of an executable; more are left out likewise
	MaxSymbolNames    = 32 << 20  // names of the functions of a Go program
	MaxMemory         = 64 << 20  // what all files under inspection hold together
	MaxAdvisory       = 32 << 20  // one OSV record
	MaxFeed           = 4 << 30   // one downloaded feed
	MaxFeedRecords    = 5_000_000 // of one feed; the CVE List has 300,000
	MaxPolicyFile     = 8 << 20   // one file of Rego or data
	MaxSettings       = 4 << 20   // veto.yaml, the waiver file
	MaxFacts          = 1 << 30   // facts and runs that judge and render read
)

// Limits on all layers of an image together. Reaching one is an error: parts of an image are not judged.
const (
	MaxImageEntries  = 600_000   // as MaxEntries, so that many layers cannot hold more memory than one
	MaxImagePaths    = 80 << 20  // as MaxPaths
	MaxImageEvidence = 96 << 20  // as MaxEvidence
	MaxImageInflated = 512 << 30 // and no more than the blobs may, each counted once
)

// Limits of the vulnerability data.
const (
	MaxFeedInflated  = 64 << 30  // all records of one feed together
	MaxEcosystemList = 1 << 20   // ecosystems.txt
	MaxCatalogue     = 64 << 20  // CISA's catalogue, FIRST's scores as they are sent
	MaxScoresText    = 256 << 20 // those scores inflated
	MaxScores        = 3_000_000 // FIRST scores 300,000 CVEs
	MaxCVEFile       = 1 << 30   // one file of CVE records; a year of the NVD has 100 MB
	MaxShardList     = 16 << 20  // the database's manifest.json
	MaxShard         = 16 << 30  // one shard of the database
	MaxOSVFiles      = 200_000   // files of a directory that is read into memory
	MaxFindings      = 50_000    // of one image
)

// Limits of SBOMs.
const (
	MaxSBOM      = 64 << 20 // one document
	MaxSBOMParts = 50_000   // its components
)

// Limits of VEX documents.
const (
	MaxVEX           = 64 << 20   // one document
	MaxVEXStatements = 200_000    // of one document
	MaxVEXProducts   = 1_000_000  // that its statements name, each as often as it is named
	MaxVEXWork       = 50_000_000 // products of all documents compared with packages of findings
)

// Limits of policies.
const (
	MaxPolicyEntries  = 100_000   // files and folders below one policy path
	MaxPattern        = 1024      // bytes of a glob: built-ins do not stop at a rule's budget, so each call has to be small
	MaxResultText     = 64 << 10  // bytes of a result's message, subject, path or layer
	MaxRegoShift      = 1 << 20   // bits by which bits.lsh shifts; numbers of policies have 64
	MaxRegoText       = 256 << 20 // bytes that one built-in makes of a text
	MaxRegoNesting    = 200       // brackets in brackets of a text that graphql.* and rego.parse_module parse
	MaxRegoReferences = 10_000    // references that a JSON schema leads to, one after the other
	MaxRegoCopies     = 12        // copies in one JSON patch, each of which may double the document
	MaxRuleResults    = 1_000_000 // of one rule, which memory holds; over it the rule is an error
)

// Limits of the layer cache. A layer over one is read again by each scan.
const (
	MaxCacheFile    = 64 << 20  // one cached layer
	MaxCacheText    = 512 << 20 // what its strings unfold to
	MaxCacheEntries = 700_000   // its headers
)
