// Keeps the runtime's event loops of this process from accepting new connections for a
// while. Used by tracker/descriptor-guard.ts in the main thread. Owns an open file of /proc for each loop.
//
// The runtime accepts whatever comes, and when no descriptor is left it retries in a loop that takes
// a whole core. The only way to stop that is to close the socket, which a process that has given up
// its rights could not open again. So the loop's interest in the listening socket is set to nothing, and
// back: new connections then wait in the system's queue, and once that is full, as on a slow network. The
// kernel tells what the runtime asked of it (/proc/self/fdinfo), so nothing else of its data is touched.
import { fstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { EVENT_DATA } from './epoll.ts'
import { addressOf, libc, nativeWords } from './ffi.ts'
import { EPOLL_CTL_MOD } from './kernel.ts'
import { boundPort } from './socket.ts'
import { listens } from './tcp-port.ts'

const CHUNK_BYTES = 65536

/** A listening socket in a loop. */
interface Interest {
  readonly loop: number
  readonly listener: number
  /** Of the socket: its descriptor's number may be reused. */
  readonly inode: number
  /** As the runtime has set them. */
  readonly events: number
  readonly dataLow: number
  readonly dataHigh: number
}

export class EventLoops {
  private readonly ports: readonly number[]
  private readonly loops: readonly { readonly fd: number; readonly info: number }[]
  private interests: Interest[] = []

  /** Create it once all loops exist, and before a chroot: there is no /proc inside. */
  constructor(ports: readonly number[]) {
    this.ports = ports
    this.loops = openLoops()
    this.findListeners()
  }

  /** How many listening sockets there are, in all loops. */
  get listenerCount(): number {
    return this.interests.length
  }

  /** Of all loops, which hear of new connections again. */
  findListeners(): void {
    this.setListening(true)
    this.interests = this.loops.flatMap(({ fd, info }) => this.interestsOf(fd, info))
  }

  setListening(wanted: boolean): void {
    this.interests = this.interests.filter(({ listener, inode }) => inodeOf(listener) === inode)
    for (const { loop, listener, events, dataLow, dataHigh } of this.interests) {
      const event = nativeWords(4)
      event[0] = wanted ? events : 0
      event[EVENT_DATA] = dataLow
      event[EVENT_DATA + 1] = dataHigh
      libc.epoll_ctl(loop, EPOLL_CTL_MOD, listener, addressOf(event) as never)
    }
  }

  private interestsOf(loop: number, info: number): Interest[] {
    const found: Interest[] = []
    for (const [, fd, events, data] of readAll(info).matchAll(INTEREST)) {
      const listener = Number(fd)
      if (!listens(listener) || !this.ports.includes(boundPort(listener))) continue
      const digits = data.padStart(16, '0')
      found.push({
        loop,
        listener,
        inode: inodeOf(listener),
        events: Number.parseInt(events, 16) | 0,
        dataLow: Number.parseInt(digits.slice(8), 16) | 0,
        dataHigh: Number.parseInt(digits.slice(0, 8), 16) | 0,
      })
    }
    return found
  }
}

const INTEREST = /^tfd: +(\d+) events: +([\da-f]+) data: +([\da-f]+)/gm

function openLoops(): { fd: number; info: number }[] {
  try {
    return readdirSync('/proc/self/fd').flatMap((name) => {
      if (targetOf(name) !== 'anon_inode:[eventpoll]') return []
      return [{ fd: Number(name), info: openSync(`/proc/self/fdinfo/${name}`, 'r') }]
    })
  } catch {
    // Without /proc they cannot be paused.
    return []
  }
}

/** The listing's own descriptor is gone by now. */
function targetOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return ''
  }
}

function readAll(file: number): string {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const part = Buffer.alloc(CHUNK_BYTES)
    const size = readSync(file, part, 0, CHUNK_BYTES, at)
    if (size === 0) return Buffer.concat(parts).toString('latin1')
    parts.push(part.subarray(0, size))
    at += size
  }
}

function inodeOf(fd: number): number {
  try {
    return fstatSync(fd).ino
  } catch {
    return -1
  }
}
