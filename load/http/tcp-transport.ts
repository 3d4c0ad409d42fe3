// Carries bytes over plain TCP: non-blocking connections by FFI, and one epoll for all of a worker's.
// Used by worker.ts. Owns its descriptors, the memory to receive in and send from, and what the system
// has not taken yet.
//
// A new connection costs as few system calls as there are steps: socket, bind, connect, send at once,
// which over loopback finds the connection open, then epoll_ctl, recv, close.
import { Epoll } from '../../src/os/epoll.ts'
import { EPOLLIN, EPOLLOUT, EPOLLRDHUP } from '../../src/os/kernel.ts'
import { type SocketName, sendAtOnce, startConnection } from '../../src/os/tcp-client.ts'
import {
  closeConnection,
  NativeBytes,
  receiveBytes,
  sendBytes,
  WAIT,
} from '../../src/os/tcp-stream.ts'
import type { Transport, TransportUser } from './transport.ts'

const EVENTS_MAX = 256
const RECEIVE_BYTES = 65536
/**
 * Who closes first keeps the port for a minute. Answers to «Connection: close» are followed by the
 * tracker's end, so a connection to another machine waits for that for a moment; over loopback, ports
 * are used again after a second.
 */
const LINGER_MS = 100
const LINGERING_MAX = 65536
const NO_DESCRIPTOR = -1

export interface TcpTarget {
  readonly to: SocketName
  /** Of each source of the worker; null leaves the address to the system. */
  readonly from: readonly (SocketName | null)[]
  readonly isLoopback: boolean
  /** Several requests are under way on a connection. */
  readonly pipelines: boolean
}

export class TcpTransport implements Transport {
  readonly output: Uint8Array
  private readonly target: TcpTarget
  private readonly user: TransportUser
  private readonly epoll = new Epoll(EVENTS_MAX)
  private readonly sending: NativeBytes
  private readonly receiving = new NativeBytes(RECEIVE_BYTES)
  private readonly fds: Int32Array
  private readonly generations: Int32Array
  /** Bytes that wait until the system takes them, from `unsentFrom` to `unsentTo` of the slot's block. */
  private readonly unsent: (NativeBytes | null)[]
  private readonly unsentFrom: Int32Array
  private readonly unsentTo: Int32Array
  private readonly isOpen: Uint8Array
  private readonly lingering = new Int32Array(LINGERING_MAX)
  private readonly lingerUntil = new Float64Array(LINGERING_MAX)
  private lingerFirst = 0
  private lingerNext = 0
  private nowMs = 0
  /** The slot that just now was seen to be ended by the tracker. */
  private endedSlot = -1

  constructor(slots: number, outputBytes: number, target: TcpTarget, user: TransportUser) {
    this.target = target
    this.user = user
    this.sending = new NativeBytes(outputBytes)
    this.output = this.sending.bytes
    this.fds = new Int32Array(slots).fill(NO_DESCRIPTOR)
    this.generations = new Int32Array(slots)
    this.unsent = Array.from({ length: slots }, () => null)
    this.unsentFrom = new Int32Array(slots)
    this.unsentTo = new Int32Array(slots)
    this.isOpen = new Uint8Array(slots)
  }

  shutDown(): void {
    this.closeLingering(Number.POSITIVE_INFINITY)
    this.epoll.close()
  }

  /** Behind what waits already. */
  private keepUnsent(slot: number, from: number, to: number): void {
    const waiting = this.unsentTo[slot] - this.unsentFrom[slot]
    const needed = waiting + to - from
    const old = this.unsent[slot]
    let block = old
    if (block === null || block.bytes.length < this.unsentTo[slot] + to - from) {
      block = new NativeBytes(Math.max(needed * 2, this.output.length))
      if (old !== null) {
        block.bytes.set(old.bytes.subarray(this.unsentFrom[slot], this.unsentTo[slot]))
      }
      this.unsent[slot] = block
      this.unsentFrom[slot] = 0
      this.unsentTo[slot] = waiting
    }
    block.bytes.set(this.output.subarray(from, to), this.unsentTo[slot])
    this.unsentTo[slot] += to - from
  }

  // HOT: no allocation below this line.

  connect(slot: number, source: number, length: number): boolean {
    const { target, fds } = this
    const fd = startConnection(target.to, target.from[source])
    if (fd < 0) return false
    if (target.pipelines) sendAtOnce(fd)
    fds[slot] = fd
    this.generations[slot]++
    this.isOpen[slot] = 0
    this.unsentFrom[slot] = 0
    this.unsentTo[slot] = 0
    const sent = sendBytes(fd, this.sending.address, length, false)
    const isWaiting = sent === WAIT || (sent >= 0 && sent < length)
    if (sent < 0 && !isWaiting) return this.fail(slot)
    const events = isWaiting ? EPOLLIN | EPOLLOUT | EPOLLRDHUP : EPOLLIN | EPOLLRDHUP
    if (!this.epoll.add(fd, events, slot, this.generations[slot])) return this.fail(slot)
    if (isWaiting) this.keepUnsent(slot, sent < 0 ? 0 : sent, length)
    if (sent >= 0) this.open(slot)
    return true
  }

  private fail(slot: number): boolean {
    this.drop(slot)
    return false
  }

  private open(slot: number): void {
    this.isOpen[slot] = 1
    this.user.opened(slot)
  }

  send(slot: number, length: number): void {
    const isQueued = this.unsentTo[slot] > this.unsentFrom[slot]
    const sent = isQueued ? 0 : sendBytes(this.fds[slot], this.sending.address, length, false)
    // A broken connection is told of by its next event.
    if (sent === length || (sent < 0 && sent !== WAIT)) return
    this.keepUnsent(slot, sent < 0 ? 0 : sent, length)
    if (!isQueued) this.watch(slot, EPOLLIN | EPOLLOUT | EPOLLRDHUP)
  }

  private watch(slot: number, events: number): void {
    this.epoll.change(this.fds[slot], events, slot, this.generations[slot])
  }

  close(slot: number): void {
    const fd = this.fds[slot]
    this.fds[slot] = NO_DESCRIPTOR
    this.generations[slot]++
    if (this.target.isLoopback || this.endedSlot === slot) closeConnection(fd)
    else this.linger(fd, slot)
  }

  private linger(fd: number, slot: number): void {
    // Whatever still happens on it has a generation that is no longer the slot's.
    this.epoll.change(fd, 0, slot, this.generations[slot] - 1)
    if (this.lingerNext - this.lingerFirst === LINGERING_MAX) this.closeOldest()
    const at = this.lingerNext++ % LINGERING_MAX
    this.lingering[at] = fd
    this.lingerUntil[at] = this.nowMs + LINGER_MS
  }

  private closeOldest(): void {
    closeConnection(this.lingering[this.lingerFirst++ % LINGERING_MAX])
  }

  private closeLingering(nowMs: number): void {
    while (
      this.lingerFirst < this.lingerNext &&
      this.lingerUntil[this.lingerFirst % LINGERING_MAX] <= nowMs
    ) {
      this.closeOldest()
    }
  }

  /** Waits at most so long for something to happen, and tells the user. */
  turn(waitMs: number, nowMs: number): void {
    this.nowMs = nowMs
    this.closeLingering(nowMs)
    const { epoll, generations } = this
    const events = epoll.wait(waitMs)
    for (let i = 0; i < events; i++) {
      const slot = epoll.low(i)
      if (generations[slot] !== epoll.high(i)) continue
      const flags = epoll.flags(i)
      if ((flags & EPOLLRDHUP) !== 0) this.endedSlot = slot
      this.serve(slot, flags)
      this.endedSlot = -1
    }
  }

  private serve(slot: number, flags: number): void {
    const generation = this.generations[slot]
    if (this.unsentTo[slot] > this.unsentFrom[slot]) this.sendRest(slot)
    const isThere = this.generations[slot] === generation && this.isOpen[slot] !== 0
    if (!isThere || (flags & ~EPOLLOUT) === 0) return
    const received = receiveBytes(this.fds[slot], this.receiving.address, RECEIVE_BYTES)
    if (received > 0) this.user.received(slot, this.receiving.bytes, 0, received)
    else if (received !== WAIT) this.end(slot)
  }

  private sendRest(slot: number): void {
    const block = this.unsent[slot]
    if (block === null) return
    const from = this.unsentFrom[slot]
    const length = this.unsentTo[slot] - from
    const sent = sendBytes(this.fds[slot], block.address + from, length, false)
    if (sent < 0) {
      if (sent !== WAIT) this.end(slot)
      return
    }
    if (this.isOpen[slot] === 0) this.open(slot)
    this.unsentFrom[slot] += sent
    if (sent < length) return
    this.unsentFrom[slot] = 0
    this.unsentTo[slot] = 0
    this.watch(slot, EPOLLIN | EPOLLRDHUP)
  }

  private end(slot: number): void {
    this.drop(slot)
    this.user.ended(slot)
  }

  private drop(slot: number): void {
    closeConnection(this.fds[slot])
    this.fds[slot] = NO_DESCRIPTOR
    this.generations[slot]++
  }
}
