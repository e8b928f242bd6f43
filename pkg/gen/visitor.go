package gen

import (
	"encoding/binary"
	"net/netip"
)

// visitorBits gives 2^17-1 visitors, of whom few come often and many once.
const visitorBits = 17

// visitor is who sends a request. All of it follows from a key, made of the
// seed, and the visitor's rank, so that no table of visitors has to be kept.
type visitor struct {
	addr  netip.Addr
	user  string // "" = not logged in
	agent uint64 // random bits: picks the user agent that this visitor mostly has
}

func visitorOf(key, rank uint64) visitor {
	h := mix(key ^ rank)
	v := visitor{agent: mix(h)}
	pick, bits := h>>40, h&(1<<40-1)
	if pick%25 == 0 {
		v.addr = address6(pick/25, bits)
	} else {
		v.addr = address4(bits)
	}
	if v.agent%64 == 0 {
		v.user = users[v.agent/64%uint64(len(users))]
	}
	return v
}

// address4 is an address in one of the blocks that are routed in public: all
// /8 blocks are left out that hold private, reserved or documentation
// addresses (IANA special-purpose registry) or are not announced as a whole.
func address4(bits uint64) netip.Addr {
	first := octets4[(bits>>24)%uint64(len(octets4))]
	last := byte(1 + (bits&0xff)*254/256)
	return netip.AddrFrom4([4]byte{first, byte(bits >> 16), byte(bits >> 8), last})
}

// address6 is an address in a network of a well-known provider.
func address6(network, bits uint64) netip.Addr {
	var a [16]byte
	binary.BigEndian.PutUint32(a[:], networks6[network%uint64(len(networks6))])
	binary.BigEndian.PutUint16(a[4:], uint16(bits>>24))
	host := mix(bits)
	if host%4 == 0 {
		host = 1 + host%200 // a server, numbered by hand
	}
	binary.BigEndian.PutUint64(a[8:], host)
	return netip.AddrFrom16(a)
}

// octets4 are first octets of address blocks in public use.
var octets4 = []byte{
	1, 2, 3, 4, 5, 8, 12, 13, 14, 17, 18, 20, 23, 24, 27, 31, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 45, 46, 47, 49,
	50, 51, 52, 54, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
	80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 101, 102, 103, 104, 105, 106,
	107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 128, 129,
	130, 131, 132, 133, 134, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152,
	153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 170, 171, 173, 174, 175, 176,
	177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 193, 194, 195, 196, 197, 199, 200,
	201, 202, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 216, 217, 218, 219, 220, 221, 222, 223,
}

// networks6 are the first 32 bits of IPv6 networks of providers.
var networks6 = []uint32{
	0x20014860, // Google, US
	0x26001700, // AT&T, US
	0x26010646, // Comcast, US
	0x2607f8b0, // Google, US
	0x28041b3c, // a provider in Brazil
	0x24098a00, // China Mobile
	0x240e0360, // China Telecom
	0x24008902, // Linode, Asia
	0x2a01cb00, // Orange, France
	0x20030001, // Deutsche Telekom
	0x2a028108, // Vodafone, Germany
	0x2a001450, // Google, Europe
}

var users = []string{"alice", "bob", "chen", "dmitri", "elena", "fatima", "guest", "hiro", "ines", "jonas", "lee", "teacher"}
