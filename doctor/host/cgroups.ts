// The control groups of a process, of either version. Used by the checks of memory and processor time.
import type { HostView } from './view.ts'
import type { RunningTracker } from './wants.ts'

const MOUNT = '/sys/fs/cgroup'

export interface ControlGroup {
  /** For sentences. */
  readonly whose: string
  /** Its group and those around it, the innermost first; null if they cannot be known. */
  readonly folders: readonly string[] | null
}

/** Of each running tracker, or of this shell if there is none. */
export function groupsOf(
  host: HostView,
  trackers: readonly RunningTracker[],
  controller: 'memory' | 'cpu',
): ControlGroup[] {
  if (trackers.length === 0) {
    return [{ whose: 'this shell', folders: foldersOf(host, 'self', controller) }]
  }
  return trackers.map(({ program, pid }) => ({
    whose: `${program} (process ${pid})`,
    folders: foldersOf(host, pid, controller),
  }))
}

function foldersOf(host: HostView, pid: number | 'self', controller: string): string[] | null {
  const text = host.read(`/proc/${pid}/cgroup`)
  if (text === null) return null
  const lines = text.trim().split('\n')
  for (const line of lines) {
    const [, names = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const isOld = names.split(',').includes(controller)
    if (!isOld && names !== '') continue
    const mount = isOld ? `${MOUNT}/${controller}` : MOUNT
    const folders = upwards(path).map((part) => `${mount}${part === '/' ? '' : part}`)
    // The unified group of a system that uses the old ones is empty.
    if (isOld || host.list(MOUNT).includes('cgroup.controllers')) return folders
  }
  return []
}

/** `/a/b`, `/a`, `/` */
function upwards(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return [...parts.map((_, i) => `/${parts.slice(0, parts.length - i).join('/')}`), '/']
}
