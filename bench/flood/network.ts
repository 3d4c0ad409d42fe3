// A small internet for flood.ts: two network namespaces with a pair of virtual devices between them.
// In the clients' namespace all of 198.18.0.0/15 (RFC 2544) is local, so that packets can come from each of
// 131,072 addresses, and answers arrive there. Needs root or user namespaces, and iproute2. Both namespaces
// end with the processes in them: nothing is left behind on the machine.
import { startChild } from '../../load/children.ts'

export const TRACKER_HOST = '192.0.2.2'
const CLIENTS_HOST = '192.0.2.1'
export const SOURCES = '198.18.0.0/15'

/** Ends by itself if this program is killed. */
const LIFETIME_SEC = 600

/** Runs this program again in a network namespace of its own, which becomes the clients'. */
export async function enterNamespace(mark: string): Promise<never> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const self = [process.execPath, ...process.argv.slice(1), mark]
  const child = Bun.spawn(['unshare', ...user, '--net', '--', ...self], {
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => child.kill(signal))
  }
  process.exit(await child.exited)
}

/** Makes the tracker's namespace; returns what a command has to begin with to run in it. */
export async function connectNamespaces(receiveCore: number | null): Promise<string[]> {
  const holder = startChild('namespace', ['unshare', '--net', 'sleep', String(LIFETIME_SEC)])
  const inside = ['nsenter', '--net', '--target', String(holder.pid)]
  await ownNamespaceOf(holder.pid)
  run('ip link set lo up')
  run(`ip link add clients type veth peer name tracker netns ${holder.pid}`)
  run(`ip address add ${CLIENTS_HOST}/30 dev clients`)
  run('ip link set clients up')
  run(`ip route add local ${SOURCES} dev lo`)
  run('ip link set lo up', inside)
  run(`ip address add ${TRACKER_HOST}/30 dev tracker`, inside)
  run('ip link set tracker up', inside)
  run(`ip route add ${SOURCES} via ${CLIENTS_HOST}`, inside)
  if (receiveCore !== null) receiveOn(receiveCore, inside)
  return inside
}

/**
 * Has what the tracker's device receives processed by a core, as by the interrupts of a network card.
 * Otherwise the core of the sender does that. /sys shows the devices of the namespace it was mounted in.
 */
function receiveOn(core: number, inside: string[]): void {
  const file = '/sys/class/net/tracker/queues/rx-0/rps_cpus'
  const script = `mount -t sysfs sysfs /sys && echo ${(1 << core).toString(16)} > ${file}`
  const apart = ['unshare', '--mount', '--pid', '--fork', '--']
  runAll([...inside, ...apart, 'sh', '-c', script])
}

async function ownNamespaceOf(pid: number): Promise<void> {
  const read = (who: string) =>
    Bun.spawnSync(['readlink', `/proc/${who}/ns/net`])
      .stdout.toString()
      .trim()
  const own = read('self')
  for (let tries = 0; tries < 500; tries++) {
    const theirs = read(String(pid))
    if (theirs !== '' && theirs !== own) return
    await Bun.sleep(10)
  }
  throw new Error('the namespace of the tracker was not made')
}

function run(command: string, prefix: readonly string[] = []): void {
  runAll([...prefix, ...command.split(' ')])
}

function runAll(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr.toString().trim()}`)
}
