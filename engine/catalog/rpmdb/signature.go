package rpmdb

import (
	"encoding/binary"
	"encoding/hex"
)

// Signer returns the id of the key that signed the package, as 16 lower-case hex digits, "" when it is not signed or the signature does not
// say. The signature itself is not checked: rpm did so when it installed the package, and the database is as trustworthy as the image.
func (h *Header) Signer() string {
	for _, tag := range []Tag{HeaderRSA, HeaderDSA, SignaturePGP, SignatureGPG} {
		if id := keyID(h.Bytes(tag)); id != "" {
			return id
		}
	}
	return ""
}

// Subpackets of a signature that name its key (RFC 9580, section 5.2.3.7).
const (
	issuerKeyID       = 16
	issuerFingerprint = 33
)

// keyID finds the id of the key in an OpenPGP signature packet (RFC 9580, section 5.2).
func keyID(b []byte) string {
	b = packetBody(b)
	switch {
	case len(b) >= 15 && b[0] == 3: // version, 5, type, time, key id
		return hex.EncodeToString(b[7:15])
	case len(b) < 6 || b[0] != 4: // version, type, two algorithms, hashed subpackets
		return ""
	}
	hashed, rest := subpackets(b[4:])
	unhashed, _ := subpackets(rest)
	for _, area := range [][]byte{hashed, unhashed} {
		if id := issuer(area); id != "" {
			return id
		}
	}
	return ""
}

// packetBody returns the body of a signature packet, nil for anything else (RFC 9580, section 4.2).
func packetBody(b []byte) []byte {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return nil
	}
	if b[0]&0x40 != 0 {
		if b[0]&0x3f != 2 {
			return nil
		}
		return length(b[1:], true)
	}
	if b[0]>>2&0xf != 2 {
		return nil
	}
	switch b[0] & 3 {
	case 0:
		return b[2:]
	case 1:
		return b[min(3, len(b)):]
	case 2:
		return b[min(5, len(b)):]
	}
	return b[1:]
}

// length skips a length in the form of newer packets and returns what follows it; cut says to hold that to the length.
func length(b []byte, cut bool) []byte {
	n, size := 0, 0
	switch {
	case len(b) < 1:
		return nil
	case b[0] < 192:
		n, size = int(b[0]), 1
	case b[0] < 255 && len(b) >= 2:
		n, size = (int(b[0])-192)<<8+int(b[1])+192, 2
	case b[0] == 255 && len(b) >= 5:
		n, size = int(binary.BigEndian.Uint32(b[1:])), 5 // held to what is there below
	default:
		return nil
	}
	b = b[size:]
	switch {
	case !cut:
		return b
	case n < 0 || n > len(b):
		return nil
	}
	return b[:n]
}

// subpackets parts an area of subpackets, two bytes of length before it, from what follows it.
func subpackets(b []byte) (area, rest []byte) {
	if len(b) < 2 {
		return nil, nil
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return nil, nil
	}
	return b[2 : 2+n], b[2+n:]
}

// issuer finds a key's id among subpackets.
func issuer(area []byte) string {
	for len(area) > 0 {
		sub := length(area, true)
		if len(sub) == 0 {
			return ""
		}
		switch typ := sub[0] & 0x7f; {
		case typ == issuerKeyID && len(sub) == 9:
			return hex.EncodeToString(sub[1:])
		case typ == issuerFingerprint && len(sub) == 22: // a version and 20 bytes, of which the last 8 are the id
			return hex.EncodeToString(sub[14:])
		}
		header := len(area) - len(length(area, false))
		area = area[header+len(sub):]
	}
	return ""
}
