// Programs in a network namespace of their own, where a test may add addresses and remove IPv6
// without touching the machine. Needs root or user namespaces, and iproute2.

/** Why this machine allows none, or ''. */
export const WHY_NO_NAMESPACE = reasonAgainst()

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs `setup`, shell commands, and then a script of this folder's neighbours with bun. `withSys`: /sys shows this
 * network's cards.
 */
export async function inNamespace(
  setup: string,
  script: string,
  args: string[],
  { withSys = false } = {},
): Promise<Outcome> {
  const mount = withSys ? 'mount -t sysfs sysfs /sys; ' : ''
  const shell = `set -e; ${mount}ip link set lo up; ${setup}; exec "$@"`
  const command = [...unshare(withSys), 'sh', '-c', shell, 'sh', process.execPath, script, ...args]
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code: child.exitCode, stdout, stderr }
}

function unshare(withMounts = false): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  return ['unshare', ...user, '--net', ...(withMounts ? ['--mount'] : []), '--']
}

function reasonAgainst(): string {
  if (Bun.which('unshare') === null) return ' (skipped: no command unshare)'
  if (Bun.which('ip') === null) return ' (skipped: no command ip, package iproute2)'
  const { exitCode } = Bun.spawnSync([...unshare(), 'ip', 'link', 'set', 'lo', 'up'])
  return exitCode === 0 ? '' : ' (skipped: no right to make a network namespace)'
}
