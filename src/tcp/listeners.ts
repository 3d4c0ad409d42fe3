// The listening sockets of a worker, and what is left when there are no descriptors: a spare one, which is given up
// so that who waits can be accepted, and a pause. Without either the loop would be told again and again of connections
// that it cannot accept. Used by server.ts; owns the descriptors.
import { openSpare } from '../os/descriptors.ts'
import type { Epoll } from '../os/epoll.ts'
import { EPOLLIN } from '../os/kernel.ts'
import { listenOn, waitingConnections } from '../os/tcp-listener.ts'
import { closeConnection } from '../os/tcp-stream.ts'

/** As generation of an event: its other word is the number of a listening socket. */
export const LISTENER = -1
/** Connections that may wait to be accepted; the system's own limit is net.core.somaxconn. */
export const BACKLOG = 4096

export class Listeners {
  readonly fds: readonly number[]
  private readonly epoll: Epoll
  private spare = openSpare()
  /** Second in which accepting paused; −1 = it does not. */
  private pausedAt = -1

  constructor(fds: readonly number[], epoll: Epoll) {
    this.fds = fds
    this.epoll = epoll
  }

  /** From now on connections come. */
  listen(): void {
    for (const [index, fd] of this.fds.entries()) {
      listenOn(fd, BACKLOG)
      this.epoll.add(fd, EPOLLIN, index, LISTENER)
    }
  }

  /** Closes number `index`; returns how many connections waited there, which the system resets. */
  close(index: number): number {
    const waiting = waitingConnections(this.fds[index])
    closeConnection(this.fds[index])
    this.pausedAt = -1
    return waiting
  }

  closeSpare(): void {
    if (this.spare >= 0) closeConnection(this.spare)
    this.spare = -1
  }

  // HOT: no allocation below this line.

  /** Whether there is a descriptor beside those in use: tries to get one back. */
  hasSpare(): boolean {
    if (this.spare < 0) this.spare = openSpare()
    return this.spare >= 0
  }

  /** One more connection can be accepted; false when that has been given up before. */
  giveSpare(): boolean {
    if (this.spare < 0) return false
    closeConnection(this.spare)
    this.spare = -1
    return true
  }

  pause(now: number): void {
    this.pausedAt = now
    this.watch(0)
  }

  /** A second later. */
  resume(now: number): void {
    if (this.pausedAt < 0 || this.pausedAt === now) return
    this.pausedAt = -1
    this.hasSpare()
    this.watch(EPOLLIN)
  }

  private watch(events: number): void {
    for (let i = 0; i < this.fds.length; i++) this.epoll.change(this.fds[i], events, i, LISTENER)
  }
}
