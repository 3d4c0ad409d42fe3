// The side of a new process in a take-over (hand-over.ts tells both). Called by persistence.ts at its start,
// before anything is read from the folder. Owns the connection to the running tracker.
import { connect, type Socket } from 'node:net'
import { StartError } from '../config/cli.ts'
import type { Log } from '../log/log.ts'
import type { Folder } from './folder.ts'
import type { FolderLock } from './folder-lock.ts'
import { DELTA_READY, SERVING, SNAPSHOT_READY, TAKE_OVER } from './hand-over.ts'
import { LineSocket } from './line-socket.ts'

/** The system's limit for the name of a local socket. */
const SOCKET_PATH_BYTES_MAX = 107

/** For the other process to write a snapshot: long for the largest, on the slowest disk. */
const SNAPSHOT_MILLISECONDS = 600_000
const DELTA_MILLISECONDS = 60_000

/** For a process that starts or ends, and so answers nobody: until it does answer, or has ended. */
const ANSWER_MILLISECONDS = 60_000
const ASK_AGAIN_MILLISECONDS = 50

export class TakeOver {
  private readonly line: LineSocket

  constructor(line: LineSocket) {
    this.line = line
  }

  /** Tells the other process to stop; resolves when it has. True when it left who announced meanwhile. */
  async serving(): Promise<boolean> {
    this.line.send(SERVING)
    const answer = await this.line.next(DELTA_MILLISECONDS)
    await this.line.close()
    return answer === DELTA_READY
  }
}

export interface FolderUse {
  readonly folder: Folder
  readonly lock: FolderLock
  /** In the folder, where a tracker listens for its successor. */
  readonly socketName: string
  /** Take the place of a tracker that uses the folder. */
  readonly takeOver: boolean
  readonly log: Log
}

/**
 * Makes the folder this process's. Null when nobody used it, or whoever did has ended meanwhile. Otherwise,
 * with `takeOver`, the tracker that uses it has written what it knows when this returns; without, that is
 * a reason not to start.
 */
export async function enterFolder(use: FolderUse): Promise<TakeOver | null> {
  const path = socketPath(use)
  const deadline = performance.now() + ANSWER_MILLISECONDS
  for (let first = true; ; first = false) {
    const isNext = use.lock.take()
    // A tracker that knows nothing of the lock listens as well.
    const socket = isNext ? await connectTo(path) : null
    if (socket === null && use.lock.isOwner) return null
    if (!use.takeOver) {
      socket?.destroy()
      throw new StartError(
        `another tracker uses the folder [persistence] path '${use.folder.name}': stop it, write ` +
          'another folder, or set take_over = true to take its place',
      )
    }
    if (socket !== null) {
      const takeOver = await ask(socket, use)
      if (takeOver !== null) return takeOver
    }
    if (performance.now() > deadline) throw refusal(use, isNext ? NO_ANSWER : BUSY)
    if (first) use.log.info('waiting for the tracker that uses the folder: it starts, or ends')
    await Bun.sleep(ASK_AGAIN_MILLISECONDS)
  }
}

const NO_ANSWER = 'it neither answers nor ends'
const BUSY = 'another process is taking over already'

function socketPath({ folder, socketName }: FolderUse): string {
  const path = folder.fileOf(socketName)
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path
  throw new StartError(
    `the folder [persistence] path '${folder.name}' has too long a name for the socket in it ` +
      `(${path}): write a folder whose full path is shorter`,
  )
}

/** Null when the other process ends instead, with a last snapshot. */
async function ask(socket: Socket, use: FolderUse): Promise<TakeOver | null> {
  const line = new LineSocket(socket)
  line.send(TAKE_OVER)
  const answer = await line.next(SNAPSHOT_MILLISECONDS)
  if (answer === SNAPSHOT_READY) return new TakeOver(line)
  const isGone = answer === null && line.isEnded
  await line.close()
  if (isGone) return null
  throw refusal(use, reasonOf(answer))
}

function refusal({ folder }: FolderUse, reason: string): StartError {
  return new StartError(
    `the tracker that uses the folder [persistence] path '${folder.name}' does not hand over: ${reason}`,
  )
}

function reasonOf(answer: string | null): string {
  if (answer === 'busy') return BUSY
  if (answer === 'failed') return 'it could not write a snapshot; its log says why'
  return answer === null ? 'it gave no answer' : 'it speaks another version'
}

/** Null when nobody listens. */
function connectTo(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error: Error & { code?: string }) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null)
      else reject(new StartError(`cannot use ${path}: ${error.message}`))
    })
  })
}
