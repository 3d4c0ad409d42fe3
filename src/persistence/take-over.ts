// The side of a new process in a take-over (hand-over.ts tells both). Called by keeper.ts at its start,
// before anything is read from the folder. Owns the connection to the running tracker.
import { connect, type Socket } from 'node:net'
import { StartError } from '../config/cli.ts'
import type { Folder } from './folder.ts'
import { REST_READY, SERVING, SNAPSHOT_READY, TAKE_OVER } from './hand-over.ts'
import { LineSocket } from './line-socket.ts'

/** The system's limit for the name of a local socket. */
const SOCKET_PATH_BYTES_MAX = 107

/** For the other process to write a snapshot: long for the largest, on the slowest disk. */
const SNAPSHOT_MILLISECONDS = 600_000
const REST_MILLISECONDS = 60_000

export class TakeOver {
  private readonly line: LineSocket

  constructor(line: LineSocket) {
    this.line = line
  }

  /** Tells the other process to stop; resolves when it has. True when it left who announced meanwhile. */
  async serving(): Promise<boolean> {
    this.line.send(SERVING)
    const answer = await this.line.next(REST_MILLISECONDS)
    await this.line.close()
    return answer === REST_READY
  }
}

/**
 * Looks whether a tracker uses the folder. Null when none does. Otherwise, with `wanted`, it has written
 * what it knows when this returns; without, that is a reason not to start.
 */
export async function takeOverFrom(
  folder: Folder,
  socketName: string,
  wanted: boolean,
): Promise<TakeOver | null> {
  const path = folder.fileOf(socketName)
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new StartError(
      `the folder [persistence] path '${folder.name}' has too long a name for the socket in it ` +
        `(${path}): write a folder whose full path is shorter`,
    )
  }
  const socket = await connectTo(path)
  if (socket === null) return null
  const line = new LineSocket(socket)
  if (!wanted) {
    await line.close()
    throw new StartError(
      `another tracker uses the folder [persistence] path '${folder.name}': stop it, write another ` +
        'folder, or set take_over = true to take its place',
    )
  }
  line.send(TAKE_OVER)
  const answer = await line.next(SNAPSHOT_MILLISECONDS)
  if (answer === SNAPSHOT_READY) return new TakeOver(line)
  await line.close()
  throw new StartError(
    `the tracker that uses the folder [persistence] path '${folder.name}' does not hand over: ` +
      reasonOf(answer),
  )
}

function reasonOf(answer: string | null): string {
  if (answer === 'busy') return 'another process is taking over already'
  if (answer === 'failed') return 'it could not write a snapshot; its log says why'
  return answer === null ? 'it went away, or gave no answer' : 'it speaks another version'
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
