// The new process's side of a take-over (hand-over.ts describes both). Called by persistence.ts at startup,
// before anything is read from the folder. Owns the connection to the running tracker.
import { connect, type Socket } from 'node:net'
import { StartError } from '../config/cli.ts'
import type { Log } from '../log/log.ts'
import type { Folder } from './folder.ts'
import type { FolderLock } from './folder-lock.ts'
import { DELTA_READY, SERVING, SNAPSHOT_READY, TAKE_OVER } from './hand-over.ts'
import { LineSocket } from './line-socket.ts'

/** The kernel's limit for the path of a local socket. */
const SOCKET_PATH_BYTES_MAX = 107

/** For the other process to write a snapshot: long enough for the largest, on the slowest disk. */
const SNAPSHOT_MILLISECONDS = 600_000
const DELTA_MILLISECONDS = 60_000

/** How long to wait for a process that is starting or ending, and so does not answer. */
const ANSWER_MILLISECONDS = 60_000
const ASK_AGAIN_MILLISECONDS = 50

export class TakeOver {
  private readonly line: LineSocket

  constructor(line: LineSocket) {
    this.line = line
  }

  /** Tells the other process to stop; resolves once it has. True if it left a delta. */
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
  /** The socket in the folder on which a tracker listens for its successor. */
  readonly socketName: string
  /** Take over from a tracker that uses the folder. */
  readonly takeOver: boolean
  readonly log: Log
}

/**
 * Acquires the folder for this process. Null if no tracker used it, or that tracker has ended. Otherwise, with
 * `takeOver`, the running tracker has written its state when this returns; without, it throws StartError.
 */
export async function enterFolder(use: FolderUse): Promise<TakeOver | null> {
  const path = socketPath(use)
  const deadline = performance.now() + ANSWER_MILLISECONDS
  for (let first = true; ; first = false) {
    const isNext = use.lock.take()
    // A tracker from before there was a lock listens as well.
    const socket = isNext ? await connectTo(path) : null
    if (socket === null && use.lock.isOwner) return null
    if (!use.takeOver) {
      socket?.destroy()
      throw new StartError(
        `another tracker uses the folder [persistence] path '${use.folder.name}': stop it, write ` +
          'another folder, or set take_over = true to replace it',
      )
    }
    if (socket !== null) {
      const takeOver = await ask(socket, use)
      if (takeOver !== null) return takeOver
    }
    if (performance.now() > deadline) throw refusal(use, isNext ? NO_ANSWER : BUSY)
    if (first)
      use.log.info('waiting for the tracker that uses the folder: it is starting or ending')
    await Bun.sleep(ASK_AGAIN_MILLISECONDS)
  }
}

const NO_ANSWER = 'it neither answers nor ends'
const BUSY = 'another process is already taking over'

function socketPath({ folder, socketName }: FolderUse): string {
  const path = folder.fileOf(socketName)
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path
  throw new StartError(
    `the folder [persistence] path '${folder.name}' is too long a path for the socket in it ` +
      `(${path}): write a folder whose full path is shorter`,
  )
}

/** Null if the other process ends instead, with a last snapshot. */
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
  if (answer === 'failed') return 'it could not write a snapshot; see its log'
  return answer === null ? 'it did not answer' : 'it speaks another version'
}

/** Null if nothing listens. */
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
