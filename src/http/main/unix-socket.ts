// The Unix socket by which a proxy on the same machine reaches the tracker: its file and the workers' descriptors. Used
// by main.ts. Owns the file, from when workers serve until the tracker stops.
//
// The file is created under a temporary name and renamed once all workers listen. So it exists only while someone
// answers, a stale one is replaced in one step, and a take-over refuses no connection: the previous process still
// serves those that reached its socket before that lost its name. Until the take-over is certain, the previous file
// keeps a second name, from which it is restored if this process fails.
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { StartError } from '../../config/cli.ts'
import { accessFault, WRITE_IN } from '../../os/access.ts'
import { type Identity, lookUpGroup } from '../../os/privileges.ts'
import { closeConnection } from '../../os/tcp-stream.ts'
import { connectFault, duplicate, openUnixListener } from '../../os/unix-listener.ts'
import type { UnixSocketConfig } from '../settings/unix-socket.ts'

export class UnixSocket {
  /** Its current path, which a new root directory changes. Null = it is out of reach. */
  private path: string | null
  private readonly group: number | null
  private readonly fd: number
  /** The temporary name. */
  private readonly firstPath: string
  /** The inode of its file, to tell it from another one of the same name. */
  private readonly inode: number
  private readonly shared: boolean
  /** The second name of the other process's file; null if there is none. */
  private otherPath: string | null = null

  /** `shared`: another process listens there and this one takes over from it. Throws StartError. */
  constructor(settings: UnixSocketConfig, shared: boolean) {
    const { unix_socket: path, unix_socket_mode, unix_socket_group } = settings
    const fault = pathFault(path) ?? (shared ? null : useFault(path))
    if (fault !== null) throw new StartError(fault)
    this.path = path
    this.shared = shared
    this.firstPath = `${path}.${process.pid}`
    this.group = groupOf(unix_socket_group)
    try {
      removeFile(this.firstPath)
      this.fd = openUnixListener(this.firstPath)
      chmodSync(this.firstPath, Number.parseInt(unix_socket_mode, 8))
      if (this.group !== null) chownSync(this.firstPath, process.getuid?.() ?? 0, this.group)
      this.inode = statSync(this.firstPath).ino
      process.once('exit', this.clear)
    } catch (error) {
      removeFile(this.firstPath)
      throw new StartError(`cannot listen on unix:${path}: ${(error as Error).message}`)
    }
  }

  /** A start that fails leaves no file behind. */
  private readonly clear = (): void => removeFile(this.firstPath)

  /** Returns another descriptor for a worker, which closes it. */
  newListener(): number {
    return duplicate(this.fd)
  }

  /** Call once all workers listen. */
  publish(): void {
    if (this.path !== null) {
      if (this.shared) this.keepOther(this.path)
      renameSync(this.firstPath, this.path)
    }
    closeConnection(this.fd)
    process.off('exit', this.clear)
  }

  private keepOther(path: string): void {
    const otherPath = `${path}.${process.pid}.before`
    try {
      linkSync(path, otherPath)
    } catch {
      // There is none, or the file system has no second names.
      return
    }
    this.otherPath = otherPath
    process.once('exit', this.restoreOther)
  }

  /** The start has failed, and the other process goes on. */
  private readonly restoreOther = (): void => {
    const { path, otherPath } = this
    this.otherPath = null
    try {
      if (path !== null && otherPath !== null) renameSync(otherPath, path)
    } catch {
      // It is out of reach by now.
    }
  }

  /** The other process has ended. */
  forgetOther(): void {
    if (this.otherPath !== null) removeFile(this.otherPath)
    this.otherPath = null
    process.off('exit', this.restoreOther)
  }

  /** The process is about to become another user, below another root directory. */
  giveTo(identity: Identity, pathBelow: (path: string) => string | null): void {
    if (this.path === null) return
    chownSync(this.path, identity.user, this.group ?? identity.group)
    // Without the right to remove it, the second name would stay for ever.
    if (accessFault(dirname(this.path), WRITE_IN, identity) !== null) this.forgetOther()
    this.path = pathBelow(this.path)
    if (this.otherPath !== null) this.otherPath = pathBelow(this.otherPath)
  }

  /** Call when the stop begins. Leaves a file alone that now belongs to another process or is out of reach. */
  remove(): void {
    if (this.otherPath !== null) {
      this.restoreOther()
      return
    }
    try {
      if (this.path !== null && lstatSync(this.path).ino === this.inode) removeFile(this.path)
    } catch {
      // The next start will replace it.
    }
  }
}

/** For --check. */
export function unixSocketFaults({ unix_socket, unix_socket_group }: UnixSocketConfig): string[] {
  if (unix_socket === '') return []
  const faults = [pathFault(unix_socket), groupFault(unix_socket_group)]
  return faults.filter((fault) => fault !== null)
}

function pathFault(path: string): string | null {
  const begin = `cannot listen on unix:${path} ([network] unix_socket)`
  try {
    if (!statSync(dirname(path)).isDirectory()) return `${begin}: ${dirname(path)} is not a folder`
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return `${begin}: the folder ${dirname(path)} cannot be used (${code}): create it, or name another`
  }
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there === undefined || there.isSocket()) return null
  return `${begin}: it exists and is not a socket: name another path`
}

/** Whether someone listens there already. */
function useFault(path: string): string | null {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null
  const fault = connectFault(path)
  if (fault?.code === 'ECONNREFUSED' || fault?.code === 'ENOENT') return null
  const why = fault === null ? 'another process listens there' : fault.message
  return `cannot listen on unix:${path} ([network] unix_socket): ${why}`
}

function groupFault(name: string): string | null {
  if (name === '' || lookUpGroup(name) !== null) return null
  return `[network] unix_socket_group '${name}' does not exist on this machine`
}

function groupOf(name: string): number | null {
  const fault = groupFault(name)
  if (fault !== null) throw new StartError(fault)
  return name === '' ? null : lookUpGroup(name)
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
