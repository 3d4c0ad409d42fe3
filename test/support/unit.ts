// What a systemd unit leaves to its process, as its text says. Used by the tests of packaging/systemd.

/** All values that the unit gives a setting, in order. */
export function valuesOf(unit: string, key: string): string[] {
  const lines = unit.match(new RegExp(`^${key}=.*$`, 'gm')) ?? []
  return lines.map((line) => line.slice(key.length + 1))
}

export function allowedCalls(unit: string): Set<string> {
  const allowed = new Set<string>()
  for (const value of valuesOf(unit, 'SystemCallFilter')) {
    for (const call of value.replace('~', '').split(' ').flatMap(callsOf)) {
      if (value.startsWith('~')) allowed.delete(call)
      else allowed.add(call)
    }
  }
  return allowed
}

/** System calls of a list such as «@system-service», with those of the lists inside. */
function callsOf(list: string): string[] {
  if (!list.startsWith('@')) return [list]
  const { stdout } = Bun.spawnSync(['systemd-analyze', 'syscall-filter', '--no-pager', list])
  const lines = stdout.toString().split('\n').slice(1)
  const entries = lines.map((line) => line.trim()).filter((line) => /^[@a-z]/.test(line))
  return entries.flatMap(callsOf)
}
