// Frames and rings in memory, as the kernel and a worker share them. Used by all of src/xdp.
//
// All frames of a queue are one piece of memory, cut into chunks: first those that the kernel fills with received
// packets, then those that answers are written to, then one spare. The kernel writes a packet at byte 258 of
// its chunk, which puts everything behind the 14 bytes of the Ethernet header at whole words:
//
//  received: 258 Ethernet │ 272 IPv4 (20) or IPv6 (40) │ UDP (8) │ payload: 300, or 320
//  to send:    2 Ethernet │  16 IPv4 (20) or IPv6 (40) │ UDP (8) │ payload:  44, or  64

export const CHUNK_BYTES = 2048
/** Word of memory >> this is the chunk. */
export const CHUNK_SHIFT = 11
/** Asked for before each packet, besides what the kernel keeps for itself (XDP_PACKET_HEADROOM). */
export const HEADROOM_BYTES = 2
const KERNEL_HEADROOM_BYTES = 256
/** The longest frame that fits its chunk. The program leaves longer ones to the kernel. */
export const RECEIVED_BYTES_MAX = CHUNK_BYTES - KERNEL_HEADROOM_BYTES - HEADROOM_BYTES
/** Where in its chunk a frame begins that is to be sent. */
export const SEND_BYTES_AT = 2

export const ETHERNET_BYTES = 14
export const IPV4_BYTES = 20
export const IPV6_BYTES = 40
export const UDP_BYTES = 8
/** The payload of a frame to send, in words from the start of the chunk. */
export const SEND_PAYLOAD_IPV4 = (SEND_BYTES_AT + ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES) / 4
export const SEND_PAYLOAD_IPV6 = (SEND_BYTES_AT + ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES) / 4

/** Of each direction, a power of two: what can wait for a worker, and for the card. */
export const FRAMES = 2048

/** Chunks of a queue with so many frames of each direction: a spare one ends it. */
export function memoryBytes(frames: number): number {
  return (2 * frames + 2) * CHUNK_BYTES
}
