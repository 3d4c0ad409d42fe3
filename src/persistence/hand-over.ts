// The running tracker's side of a take-over: over a local socket in the folder, another process asks for this
// one's state, and then for its place. Made by persistence.ts. Owns the socket.
//
//  new  take-over 1        old  writes a snapshot while it serves, then: snapshot
//  new  loads it, opens the same ports beside us, starts its workers, then: serving
//  old  stops its workers, writes what changed since the snapshot (the delta), closes the socket, then: rest
//  new  loads the delta; old ends
//
// Until «serving» nothing has changed: if the other side goes away, this one keeps serving. After that the
// state belongs to the other. If this one is told to stop before, it also writes the delta for a process that
// has the snapshot; one still waiting for it finds the connection closed, and the last snapshot.
import { chmodSync, renameSync, statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Log } from '../log/log.ts'
import { removeFile } from './files.ts'
import { LineSocket } from './line-socket.ts'

export const TAKE_OVER = 'take-over 1'
export const SNAPSHOT_READY = 'snapshot'
export const SERVING = 'serving'
export const DELTA_READY = 'rest'

/**
 * The socket's suffix until it replaces the old one. No longer than the final one, since names have a limit.
 */
const NEW_SUFFIX = 'bind'

const SOCKET_MODE = 0o600
const ASK_MILLISECONDS = 10_000
/** To load the swarms and start: long enough for the largest, and this process serves meanwhile. */
const SERVING_MILLISECONDS = 600_000

export interface HandOverActions {
  /** Writes a snapshot; false when it could not be written. */
  snapshot(): Promise<boolean>
  /** The other process serves: stop, then call `HandOver.finish`. */
  stop(): void
  /** The other process went away: keep serving. */
  resume(): void
}

export class HandOver {
  private readonly path: string
  private readonly actions: HandOverActions
  private readonly log: Log
  private server: Server | null = null
  private inode = 0
  private taker: LineSocket | null = null
  private given = false
  private ending = false

  /** `path`: of the socket. */
  constructor(path: string, actions: HandOverActions, log: Log) {
    this.path = path
    this.actions = actions
    this.log = log
  }

  /**
   * True once another process has the snapshot: later changes are the delta, and the folder is that process's.
   */
  get isGiven(): boolean {
    return this.given
  }

  /** Replaces a socket that had this name. */
  async listen(): Promise<void> {
    const path = this.path.replace(/[^.]*$/, NEW_SUFFIX)
    removeFile(path)
    const server = createServer((socket) => void this.serve(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, SOCKET_MODE)
    this.inode = statSync(path).ino
    renameSync(path, this.path)
    this.server = server
  }

  /** The last snapshot is next: starting another one is not worth the time. */
  end(): void {
    this.ending = true
  }

  /** Tells the other process, if there is one, whether the delta was written. */
  async finish(deltaWritten: boolean): Promise<void> {
    // Otherwise the socket's name and the folder belong to the other process, now or soon.
    if (!this.given) this.leaveFolder()
    else if (deltaWritten) this.taker?.send(DELTA_READY)
    await this.taker?.close()
  }

  private leaveFolder(): void {
    if (this.server === null) return
    // While our socket is open, no other file can have its inode number.
    const found = statSync(this.path, { throwIfNoEntry: false })
    if (found?.ino === this.inode) removeFile(this.path)
    this.server.close()
  }

  private async serve(socket: Socket): Promise<void> {
    const line = new LineSocket(socket)
    const asked = await line.next(ASK_MILLISECONDS)
    if (asked !== TAKE_OVER || this.taker !== null) {
      line.send(asked === TAKE_OVER ? 'busy' : 'unknown')
      await line.close()
      return
    }
    this.taker = line
    this.log.info('another process is taking over')
    const isServing = await this.prepare(line)
    // This process was told to stop before.
    if (this.ending) return
    if (isServing) {
      this.actions.stop()
      return
    }
    this.given = false
    this.taker = null
    this.log.warn('the other process went away: this one keeps serving')
    this.actions.resume()
    await line.close()
  }

  private async prepare(line: LineSocket): Promise<boolean> {
    const written = await this.actions.snapshot()
    if (this.ending) return false
    if (!written) {
      line.send('failed')
      return false
    }
    this.given = true
    line.send(SNAPSHOT_READY)
    return (await line.next(SERVING_MILLISECONDS)) === SERVING
  }
}
