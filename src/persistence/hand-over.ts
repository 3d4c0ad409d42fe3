// The side of a running tracker in a take-over: another process asks, by a local socket in the folder,
// for what this one knows, and then for its place. Made by keeper.ts. Owns the socket.
//
//  new  take-over 1        old  writes a snapshot while it serves, then: snapshot
//  new  loads it, opens the same ports beside us, starts its workers, then: serving
//  old  stops its workers, writes who announced since the snapshot, closes the socket, then: rest
//  new  adds them to what it has; old ends
//
// Until «serving» nothing has changed: when the other side goes away, this one goes on. From then on
// its state is the other's. The socket also says that the folder is in use.
import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Log } from '../log/log.ts'
import { removeFile } from './files.ts'
import { LineSocket } from './line-socket.ts'

export const TAKE_OVER = 'take-over 1'
export const SNAPSHOT_READY = 'snapshot'
export const SERVING = 'serving'
export const REST_READY = 'rest'

const SOCKET_MODE = 0o600
const ASK_MILLISECONDS = 10_000
/** To load the swarms and start: long for the largest, and this process serves meanwhile. */
const SERVING_MILLISECONDS = 600_000

export interface HandOverActions {
  /** Writes a snapshot; false when it could not be written. */
  snapshot(): Promise<boolean>
  /** The other process serves: stop, and call `HandOver.finish` at the end of it. */
  stop(): void
  /** The other process went away: go on. */
  resume(): void
}

export class HandOver {
  private readonly path: string
  private readonly actions: HandOverActions
  private readonly log: Log
  private server: Server | null = null
  private taker: LineSocket | null = null
  private givenAway = false

  constructor(path: string, actions: HandOverActions, log: Log) {
    this.path = path
    this.actions = actions
    this.log = log
  }

  /** True once another process has this one's place. */
  get isGivenAway(): boolean {
    return this.givenAway
  }

  async listen(): Promise<void> {
    removeFile(this.path)
    const server = createServer((socket) => void this.serve(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.path, resolve)
    })
    chmodSync(this.path, SOCKET_MODE)
    this.server = server
  }

  /** Frees the folder; tells the other process, if there is one, whether the rest is written. */
  async finish(restWritten: boolean): Promise<void> {
    this.server?.close()
    removeFile(this.path)
    if (restWritten) this.taker?.send(REST_READY)
    await this.taker?.close()
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
    this.log.info('another process takes over')
    if (await this.prepare(line)) {
      this.givenAway = true
      this.actions.stop()
      return
    }
    this.taker = null
    this.log.warn('the other process went away: this one goes on')
    this.actions.resume()
    await line.close()
  }

  private async prepare(line: LineSocket): Promise<boolean> {
    if (!(await this.actions.snapshot())) {
      line.send('failed')
      return false
    }
    line.send(SNAPSHOT_READY)
    return (await line.next(SERVING_MILLISECONDS)) === SERVING
  }
}
