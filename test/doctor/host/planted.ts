// A host that a test makes up: files as texts, now and when watching began. Used by the tests beside it.
import type { HostFinding, HostView, Ring, Subject } from '../../../doctor/host/view.ts'
import type { RunningTracker, Wants } from '../../../doctor/host/wants.ts'
import type { ReceiveQueues } from '../../../src/os/network-card.ts'

type Texts = Readonly<Record<string, string>>

interface Planted {
  readonly earlier?: Texts
  readonly links?: Texts
  /** By the command's name. */
  readonly outputs?: Texts
  readonly clock?: boolean | null
  readonly rings?: Readonly<Record<string, Ring>>
  readonly queues?: Readonly<Record<string, ReceiveQueues>>
}

/** Watched for two seconds. A file without an earlier text has not changed. */
export function plantedHost(files: Texts, planted: Planted = {}): HostView {
  const { earlier = {}, links = {}, outputs = {}, clock = null, rings = {}, queues = {} } = planted
  const textIn = (texts: Texts, path: string) => {
    const found = Object.hasOwn(texts, path) ? texts[path] : undefined
    return found ?? null
  }
  return {
    seconds: 2,
    read: (path) => textIn(files, path),
    earlier: (path) => textIn(earlier, path) ?? textIn(files, path),
    list: (folder) => {
      const prefix = folder === '/' ? '/' : `${folder}/`
      const inside = [...Object.keys(files), ...Object.keys(links)].filter((path) =>
        path.startsWith(prefix),
      )
      return [...new Set(inside.map((path) => path.slice(prefix.length).split('/')[0]))].sort()
    },
    link: (path) => textIn(links, path),
    output: ([name]) => textIn(outputs, name),
    clockIsSynchronised: () => clock,
    receiveRing: (card) => rings[card] ?? null,
    receiveQueues: (card) => queues[card] ?? null,
  }
}

export const WANTS: Wants = {
  source: 'the settings',
  ports: [
    { title: 'UDP', transport: 'udp', port: 3000, family: 4 },
    { title: 'UDP', transport: 'udp', port: 3000, family: 6 },
    { title: 'HTTP', transport: 'tcp', port: 3000, family: 4 },
  ],
  servesUdp: true,
  servesTcp: true,
  sharesConnectionIds: false,
  receiveBuffer: 524_288,
  connections: 100_000,
  reserveBytes: 4 * 2 ** 30,
}

export const UDP_ONLY: Wants = {
  ...WANTS,
  ports: WANTS.ports.filter(({ transport }) => transport === 'udp'),
  servesTcp: false,
  sharesConnectionIds: false,
  connections: 0,
}

export function subjectOf(
  host: HostView,
  wants: Wants = WANTS,
  trackers: readonly RunningTracker[] = [],
): Subject {
  return { host, wants, trackers }
}

/** The only finding of that name. */
export function findingNamed(findings: readonly HostFinding[], name: string): HostFinding {
  const found = findings.filter((finding) => finding.name === name)
  if (found.length !== 1) throw new Error(`${found.length} findings are named ${name}`)
  return found[0]
}
