// Waits for many descriptors at once, at a price that does not grow with their number. Used by tcp/server.ts and by
// the load tester for HTTP, one per worker. Owns its descriptor, and the list that the kernel writes events to.
//
// With each descriptor goes a pair of words, which come back with its events: who it is, and a generation,
// because a descriptor's number is soon another one's, even within one batch of events.
import { arch } from 'node:process'
import { addressOf, libc, nativeWords } from './ffi.ts'
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD } from './kernel.ts'
import { check } from './socket.ts'

/** struct epoll_event has no gap on x86-64: 0 events │ 1, 2 data; elsewhere 0 events │ 2, 3 data. */
export const EVENT_DATA = arch === 'x64' ? 1 : 2
const EVENT_WORDS = EVENT_DATA + 2

export class Epoll {
  private readonly fd: number
  private readonly events: Int32Array<ArrayBuffer>
  private readonly eventsAddress: number
  private readonly max: number
  /** What `add` and `change` tell the kernel. */
  private readonly wanted = nativeWords(EVENT_WORDS)
  private readonly wantedAddress = addressOf(this.wanted)

  /** `max`: events that one wait returns at most. Throws SystemError. */
  constructor(max: number) {
    this.fd = check('epoll_create1', libc.epoll_create1(EPOLL_CLOEXEC))
    this.events = nativeWords(max * EVENT_WORDS)
    this.eventsAddress = addressOf(this.events)
    this.max = max
  }

  close(): void {
    libc.close(this.fd)
  }

  // HOT: no allocation below this line.

  /** Watches a descriptor until it is closed; false when the system has no memory for that. */
  add(fd: number, events: number, low: number, high: number): boolean {
    return this.control(EPOLL_CTL_ADD, fd, events, low, high)
  }

  /** For other events. */
  change(fd: number, events: number, low: number, high: number): boolean {
    return this.control(EPOLL_CTL_MOD, fd, events, low, high)
  }

  /** Waits at most so long for events; returns how many there are. */
  wait(milliseconds: number): number {
    return libc.epoll_wait(this.fd, this.eventsAddress as never, this.max, milliseconds)
  }

  /** What has happened, of event number `i`. */
  flags(i: number): number {
    return this.events[i * EVENT_WORDS]
  }

  /** The words of event number `i`. */
  low(i: number): number {
    return this.events[i * EVENT_WORDS + EVENT_DATA]
  }

  high(i: number): number {
    return this.events[i * EVENT_WORDS + EVENT_DATA + 1]
  }

  private control(operation: number, fd: number, events: number, low: number, high: number) {
    this.wanted[0] = events
    this.wanted[EVENT_DATA] = low
    this.wanted[EVENT_DATA + 1] = high
    return libc.epoll_ctl(this.fd, operation, fd, this.wantedAddress as never) === 0
  }
}
