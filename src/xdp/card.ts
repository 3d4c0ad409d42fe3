// A network card whose packets for certain addresses come to us: opens the sockets of its queues and loads its program,
// attaches and detaches both. Used in main threads, by udp/main/xdp.ts and the load generator; workers get the queues
// (queue.ts). Owns descriptors and memory, which are gone with the process however it ends.
import {
  attachProgram,
  createMap,
  deleteFromMap,
  detachProgram,
  isDetached,
  loadProgram,
  updateMap,
} from '../os/bpf.ts'
import { SystemError } from '../os/error.ts'
import { libc, mapMemory, mappedWords, nativeWords, unmapMemory } from '../os/ffi.ts'
import {
  BPF_F_MMAPABLE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_XSKMAP,
  XDP_COPY,
  XDP_FLAGS_DRV_MODE,
  XDP_FLAGS_SKB_MODE,
  XDP_USE_NEED_WAKEUP,
  XDP_ZEROCOPY,
} from '../os/kernel.ts'
import type { Card } from '../os/network-card.ts'
import { waitMilliseconds } from '../os/poll.ts'
import { pageBytes } from '../os/process.ts'
import {
  bindXdpSocket,
  closeXdpSocket,
  openXdpSocket,
  setSendBudget,
  type XdpLosses,
  xdpLosses,
} from '../os/xdp-socket.ts'
import { CHUNK_BYTES, FRAMES, HEADROOM_BYTES, memoryBytes } from './layout.ts'
import {
  DESTINATION_KEY_BYTES,
  PASSED_FORMS,
  PASSED_OTHERS,
  PASSED_VALUE_BYTES,
  type PortRange,
  redirectProgram,
} from './program.ts'
import type { QueueData } from './queue.ts'
import { isBusy } from './refusal.ts'

export type XdpMode = 'auto' | 'native' | 'generic'

/** More addresses than this are served by the ordinary sockets. */
export const DESTINATIONS_MAX = 4096

/** For a second, which the kernel may need to give a closed queue free. */
const ATTEMPTS_MAX = 20
const RETRY_MILLISECONDS = 50

export interface CardOptions {
  /** Of an Ethernet card: `mac` is there. */
  readonly card: Card
  readonly queues: number
  readonly mode: XdpMode
  readonly ports: readonly PortRange[]
  /** Of each direction and queue, a power of two. */
  readonly frames?: number
}

/** Packets to this address, and to the range of ports that begins with this one, are for us. */
export interface Destination {
  /** 4 or 16 bytes. */
  readonly address: readonly number[]
  readonly firstPort: number
}

/** Packets that the program left to the kernel. */
export interface Passed {
  /** They are for somebody else. */
  readonly others: number
  /** UDP, perhaps for us, in a form that is left to the kernel: fragments, options, too long. */
  readonly forms: number
}

export class XdpCard {
  readonly queues: readonly QueueData[]
  /** How it is attached. */
  mode: 'native' | 'generic' | 'detached' = 'detached'
  /** Queues whose packets the card puts into our memory by itself. */
  zeroCopyQueues = 0
  private readonly options: CardOptions
  private readonly destinations: number
  private readonly sockets: number
  private readonly passedMap: number
  private readonly passedPlace: { readonly address: number; readonly bytes: number }
  private readonly passedCounts: Int32Array
  private readonly program: number
  private readonly opened: number[] = []
  private readonly closed = new Set<number>()
  private readonly bound = new Set<number>()
  private link = -1
  private current = new Map<string, Int32Array<ArrayBuffer>>()

  /** Needs rights. Throws SystemError. */
  constructor(options: CardOptions) {
    const { card, queues, ports, frames = FRAMES } = options
    this.options = options
    try {
      this.destinations = this.own(
        createMap({
          name: 'destinations',
          type: BPF_MAP_TYPE_HASH,
          keyBytes: DESTINATION_KEY_BYTES,
          valueBytes: 4,
          entries: DESTINATIONS_MAX,
        }),
      )
      this.sockets = this.own(
        createMap({
          name: 'sockets',
          type: BPF_MAP_TYPE_XSKMAP,
          keyBytes: 4,
          valueBytes: 4,
          entries: queues,
        }),
      )
      this.passedMap = this.own(
        createMap({
          name: 'passed',
          type: BPF_MAP_TYPE_ARRAY,
          keyBytes: 4,
          valueBytes: PASSED_VALUE_BYTES,
          entries: queues,
          flags: BPF_F_MMAPABLE,
        }),
      )
      this.passedPlace = mapCounts(this.passedMap, queues)
      this.passedCounts = mappedWords(this.passedPlace.address, this.passedPlace.bytes)
      const { destinations, sockets, passedMap: passed } = this
      const mac = card.mac ?? new Uint8Array(6)
      const program = redirectProgram({ mac, ports, maps: { destinations, sockets, passed } })
      this.program = this.own(loadProgram('aquatic', program.words()))
      this.queues = Array.from({ length: queues }, () => openQueue(frames))
    } catch (error) {
      for (const fd of this.opened) libc.close(fd)
      throw error
    }
  }

  /** From now on our packets come to the queues. Needs no rights. Throws SystemError, and is then as before. */
  attach(): void {
    const { index } = this.options.card
    this.link = this.attachProgram(index)
    const key = nativeWords(1)
    const value = nativeWords(1)
    try {
      for (const [queue, { fd }] of this.queues.entries()) {
        this.bind(fd, queue)
        this.bound.add(queue)
        key[0] = queue
        value[0] = fd
        updateMap(this.sockets, key, value)
      }
    } catch (error) {
      this.detach()
      throw error
    }
  }

  /** The same at a start, when a process that has just ended may hold the card a moment longer. Waits for it. */
  attachSoon(): void {
    for (let attempt = 1; ; attempt++) {
      try {
        this.attach()
        return
      } catch (error) {
        if (!isBusy(error) || attempt === ATTEMPTS_MAX) throw error
        waitMilliseconds(RETRY_MILLISECONDS)
      }
    }
  }

  /** From now on all packets go to the kernel; those already in the queues stay there. */
  detach(): void {
    if (this.link < 0) return
    detachProgram(this.link)
    this.link = -1
    this.mode = 'detached'
  }

  /** Somebody else has taken the program from the card. */
  isTaken(): boolean {
    return this.link >= 0 && isDetached(this.link)
  }

  /** Once no thread uses the queue any more. */
  closeQueue(queue: number): void {
    if (this.closed.has(queue)) return
    this.closed.add(queue)
    closeXdpSocket(this.queues[queue])
  }

  /** All of it, once no thread uses any queue. */
  close(): void {
    this.detach()
    for (const queue of this.queues.keys()) this.closeQueue(queue)
    for (const fd of this.opened) libc.close(fd)
    this.opened.length = 0
    unmapMemory(this.passedPlace.address, this.passedPlace.bytes)
  }

  /**
   * The addresses and ports that are ours, in place of those before. Returns how many there is no room for. Needs
   * no rights since Linux 5.19. Throws SystemError.
   */
  setDestinations(list: readonly Destination[]): number {
    const wanted = new Map(list.slice(0, DESTINATIONS_MAX).map(keyOf))
    const value = nativeWords(1)
    for (const [text, key] of this.current) {
      if (!wanted.has(text)) deleteFromMap(this.destinations, key)
    }
    for (const [text, key] of wanted) {
      if (!this.current.has(text)) updateMap(this.destinations, key, value)
    }
    this.current = wanted
    return Math.max(0, list.length - DESTINATIONS_MAX)
  }

  /** Counts that wrap, of each queue that is open. */
  losses(): XdpLosses[] {
    return this.queues.filter((_, i) => !this.closed.has(i)).map(({ fd }) => xdpLosses(fd))
  }

  /** Counts that wrap. */
  passed(): Passed {
    const words = this.passedCounts
    let [others, forms] = [0, 0]
    for (let queue = 0; queue < this.options.queues; queue++) {
      const at = (queue * PASSED_VALUE_BYTES) / 4
      others += Atomics.load(words, at + PASSED_OTHERS / 4)
      forms += Atomics.load(words, at + PASSED_FORMS / 4)
    }
    return { others: others >>> 0, forms: forms >>> 0 }
  }

  private attachProgram(index: number): number {
    const { mode } = this.options
    if (mode !== 'generic') {
      try {
        const link = attachProgram(this.program, index, XDP_FLAGS_DRV_MODE)
        this.mode = 'native'
        return link
      } catch (error) {
        // What is in use, or not allowed, would be so in the other mode too.
        if (mode === 'native' || !isUnsupported(error)) throw error
      }
    }
    const link = attachProgram(this.program, index, XDP_FLAGS_SKB_MODE)
    this.mode = 'generic'
    return link
  }

  /** Without copies where the driver can. */
  private bind(fd: number, queue: number): void {
    // Once and for all: it stays bound when the program is detached.
    if (this.bound.has(queue)) return
    const { index } = this.options.card
    if (this.mode === 'native') {
      try {
        bindXdpSocket(fd, index, queue, XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP)
        this.zeroCopyQueues++
        return
      } catch (error) {
        if (!isUnsupported(error)) throw error
      }
    }
    bindXdpSocket(fd, index, queue, XDP_COPY | XDP_USE_NEED_WAKEUP)
  }

  private own(fd: number): number {
    this.opened.push(fd)
    return fd
  }
}

function openQueue(frames: number): QueueData {
  const memory = {
    bytes: memoryBytes(frames),
    chunkBytes: CHUNK_BYTES,
    headroomBytes: HEADROOM_BYTES,
  }
  const socket = openXdpSocket(memory, frames)
  setSendBudget(socket.fd, frames)
  return { ...socket, frames }
}

/** The counts of a map, readable without system calls, and without rights. */
function mapCounts(map: number, queues: number): { address: number; bytes: number } {
  const page = pageBytes()
  const bytes = Math.ceil((queues * PASSED_VALUE_BYTES) / page) * page
  const address = mapMemory(bytes, map)
  if (address === null) throw new SystemError('mmap', 0)
  return { address, bytes }
}

function isUnsupported(error: unknown): boolean {
  return (
    error instanceof SystemError && !['EBUSY', 'EEXIST', 'EPERM', 'ENODEV'].includes(error.code)
  )
}

function keyOf({ address, firstPort }: Destination): [string, Int32Array<ArrayBuffer>] {
  const key = nativeWords(DESTINATION_KEY_BYTES / 4)
  new Uint8Array(key.buffer).set(address)
  key[4] = firstPort | ((address.length === 4 ? 4 : 6) << 16)
  return [key.join(), key]
}
