// Sockets of the family AF_XDP: packets of one queue of a network card, as they are, in memory that we share with the
// kernel (Linux, Documentation/networking/af_xdp.rst). Used by src/xdp. Owns nothing: who opens one closes it, and
// unmaps its memory.
import { SystemError } from './error.ts'
import { addressOf, errno, libc, mapHugePages, mapMemory, nativeWords, unmapMemory } from './ffi.ts'
import {
  AF_XDP,
  EOPNOTSUPP,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_XDP,
  XDP_MAX_TX_SKB_BUDGET,
  XDP_MMAP_OFFSETS,
  XDP_PGOFF_RX_RING,
  XDP_PGOFF_TX_RING,
  XDP_RX_RING,
  XDP_STATISTICS,
  XDP_TX_RING,
  XDP_UMEM_COMPLETION_RING,
  XDP_UMEM_FILL_RING,
  XDP_UMEM_PGOFF_COMPLETION_RING,
  XDP_UMEM_PGOFF_FILL_RING,
  XDP_UMEM_REG,
} from './kernel.ts'
import { check, setOption } from './socket.ts'

export interface XdpMemory {
  readonly bytes: number
  readonly chunkBytes: number
  readonly headroomBytes: number
}

/** A ring: where in its mapping each part is, in bytes. */
export interface MappedRing {
  readonly address: number
  readonly bytes: number
  readonly producer: number
  readonly consumer: number
  readonly flags: number
  readonly entries: number
}

export interface XdpSocket {
  readonly fd: number
  readonly memory: { readonly address: number; readonly bytes: number }
  readonly fill: MappedRing
  readonly completion: MappedRing
  readonly receive: MappedRing
  readonly send: MappedRing
}

// struct xdp_mmap_offsets: for the rings rx, tx, fill and completion, in turn 0 producer u64 │ 8 consumer u64
// │ 16 entries u64 │ 24 flags u64
const OFFSET_WORDS = 8
const RINGS = 4
// struct xdp_umem_reg: 0 address u64 │ 8 length u64 │ 16 chunk u32 │ 20 headroom u32 │ 24 flags u32 │ 28 …
const MEMORY_WORDS = 8
// struct xdp_statistics, u64 each: 0 dropped │ 8 bad received │ 16 bad to send │ 24 ring full │ 32 no frame to fill │ …
const STATISTICS_WORDS = 12
// struct sockaddr_xdp: 0 family u16 │ 2 flags u16 │ 4 card u32 │ 8 queue u32 │ 12 other descriptor u32
const NAME_BYTES = 16

const DESCRIPTOR_BYTES = 16
const ADDRESS_BYTES = 8

/**
 * With its memory and its four rings of `entries` places each, all mapped: once it is bound, nothing more can be
 * mapped. Throws SystemError.
 */
export function openXdpSocket(memory: XdpMemory, entries: number): XdpSocket {
  const fd = check('socket (AF_XDP)', libc.socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0))
  const mapped: { address: number; bytes: number }[] = []
  const keep = <T extends { address: number; bytes: number }>(memory: T | null) => {
    if (memory === null) throw new SystemError('mmap', errno())
    mapped.push(memory)
    return memory
  }
  const map = (bytes: number, from: number) => {
    const address = mapMemory(bytes, fd, from)
    return keep(address === null ? null : { address, bytes }).address
  }
  try {
    const frames = keep(mapHugePages(memory.bytes))
    registerMemory(fd, frames.address, memory)
    for (const ring of [XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING]) {
      setOption(fd, SOL_XDP, ring, entries)
    }
    const offsets = ringOffsets(fd)
    const ring = (index: number, from: number, entryBytes: number): MappedRing => {
      const at = index * OFFSET_WORDS
      const [producer, consumer, first, flags] = [0, 2, 4, 6].map((i) => offsets[at + i])
      const bytes = first + entries * entryBytes
      return { address: map(bytes, from), bytes, producer, consumer, flags, entries: first }
    }
    return {
      fd,
      memory: frames,
      receive: ring(0, XDP_PGOFF_RX_RING, DESCRIPTOR_BYTES),
      send: ring(1, XDP_PGOFF_TX_RING, DESCRIPTOR_BYTES),
      fill: ring(2, XDP_UMEM_PGOFF_FILL_RING, ADDRESS_BYTES),
      completion: ring(3, XDP_UMEM_PGOFF_COMPLETION_RING, ADDRESS_BYTES),
    }
  } catch (error) {
    for (const { address, bytes } of mapped) unmapMemory(address, bytes)
    libc.close(fd)
    throw error
  }
}

/** From now on it has the packets that programs send to this queue. Throws SystemError. */
export function bindXdpSocket(fd: number, card: number, queue: number, flags: number): void {
  const name = nativeWords(NAME_BYTES / 4)
  name[0] = AF_XDP | (flags << 16)
  name[1] = card
  name[2] = queue
  check('bind (AF_XDP)', libc.bind(fd, addressOf(name) as never, NAME_BYTES))
}

/** Nobody may use its memory any more, in any thread. */
export function closeXdpSocket({ fd, memory, fill, completion, receive, send }: XdpSocket): void {
  // Mapped rings keep the socket open.
  for (const { address, bytes } of [fill, completion, receive, send]) unmapMemory(address, bytes)
  libc.close(fd)
  unmapMemory(memory.address, memory.bytes)
}

/** How many frames one call may send where the kernel copies them; kernels before 6.17 always take 32. */
export function setSendBudget(fd: number, frames: number): void {
  const words = nativeWords(1)
  words[0] = frames
  libc.setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, addressOf(words) as never, 4)
}

/** Packets that were lost at this socket since it was opened, each as a 32-bit count. */
export interface XdpLosses {
  /** They did not fit a frame, or the kernel had no memory. */
  readonly dropped: number
  /** The worker did not take them in time. */
  readonly ringFull: number
  /** There was no frame to put them into. */
  readonly fillEmpty: number
}

/** Needs no rights. */
export function xdpLosses(fd: number): XdpLosses {
  const words = nativeWords(STATISTICS_WORDS + 1)
  words[STATISTICS_WORDS] = STATISTICS_WORDS * 4
  const at = addressOf(words)
  const length = at + STATISTICS_WORDS * 4
  check('getsockopt', libc.getsockopt(fd, SOL_XDP, XDP_STATISTICS, at as never, length as never))
  return { dropped: words[0] >>> 0, ringFull: words[6] >>> 0, fillEmpty: words[8] >>> 0 }
}

function registerMemory(fd: number, address: number, memory: XdpMemory): void {
  const words = nativeWords(MEMORY_WORDS)
  words[0] = (address % 2 ** 32) | 0
  words[1] = Math.floor(address / 2 ** 32)
  words[2] = memory.bytes
  words[4] = memory.chunkBytes
  words[5] = memory.headroomBytes
  const bytes = MEMORY_WORDS * 4
  const result = libc.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, addressOf(words) as never, bytes)
  check('setsockopt (XDP_UMEM_REG)', result)
}

function ringOffsets(fd: number): Int32Array {
  const words = nativeWords(RINGS * OFFSET_WORDS + 1)
  const bytes = RINGS * OFFSET_WORDS * 4
  words[RINGS * OFFSET_WORDS] = bytes
  const at = addressOf(words)
  const length = at + bytes
  const result = libc.getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, at as never, length as never)
  check('getsockopt (XDP_MMAP_OFFSETS)', result)
  if (words[RINGS * OFFSET_WORDS] !== bytes)
    throw new SystemError('getsockopt (XDP_MMAP_OFFSETS)', EOPNOTSUPP)
  return words
}
