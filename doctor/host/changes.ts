// What --apply can change on a host, as data: the command that does it now, and the line of the file that does it at
// each start of the system. Checks name changes; apply.ts makes them.

export type Change =
  | { readonly kind: 'sysctl'; readonly key: string; readonly value: string }
  | { readonly kind: 'sysfs'; readonly path: string; readonly value: string }
  /** An attribute of a network card, below its folder in /sys. */
  | {
      readonly kind: 'card'
      readonly card: string
      readonly attribute: string
      readonly value: string
    }
  | { readonly kind: 'ring'; readonly card: string; readonly size: number }
  | { readonly kind: 'module'; readonly name: string }

export const SYSCTL_FILE = '/etc/sysctl.d/99-aquatic-doctor.conf'
export const TMPFILES_FILE = '/etc/tmpfiles.d/aquatic-doctor.conf'
export const UDEV_FILE = '/etc/udev/rules.d/99-aquatic-doctor.rules'
export const MODULES_FILE = '/etc/modules-load.d/aquatic-doctor.conf'

export function sysctl(key: string, value: number | string): Change {
  return { kind: 'sysctl', key, value: String(value) }
}

/** A slash in a key stands for a dot in a name, as in that of the card eth0.100. */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.'))}`
}

/** The command that makes it now. */
export function commandOf(change: Change): string {
  switch (change.kind) {
    case 'sysctl': {
      const value = /\s/.test(change.value) ? `"${change.value}"` : change.value
      return `sysctl -w ${change.key}=${value}`
    }
    case 'sysfs':
    case 'card':
      return `echo ${change.value} > ${pathOf(change)}`
    case 'ring':
      return `ethtool -G ${change.card} rx ${change.size}`
    case 'module':
      return `modprobe ${change.name}`
  }
}

/** The file whose text it changes; null if it is done otherwise. */
export function pathOf(change: Change): string | null {
  switch (change.kind) {
    case 'sysctl':
      return sysctlPath(change.key)
    case 'sysfs':
      return change.path
    case 'card':
      return `/sys/class/net/${change.card}/${change.attribute}`
    case 'ring':
    case 'module':
      return null
  }
}

/** The file in which a line makes it at each start of the system, and that line. */
export function lineOf(change: Change): { readonly file: string; readonly line: string } {
  switch (change.kind) {
    case 'sysctl':
      return { file: SYSCTL_FILE, line: `${change.key} = ${change.value}` }
    case 'sysfs':
      return { file: TMPFILES_FILE, line: `w ${change.path} - - - - ${change.value}` }
    case 'card':
      return {
        file: UDEV_FILE,
        line: `${cardRule(change.card)}, ATTR{${change.attribute}}="${change.value}"`,
      }
    case 'ring':
      return {
        file: UDEV_FILE,
        line: `${cardRule(change.card)}, RUN+="/usr/sbin/ethtool -G ${change.card} rx ${change.size}"`,
      }
    case 'module':
      return { file: MODULES_FILE, line: change.name }
  }
}

function cardRule(card: string): string {
  return `ACTION=="add", SUBSYSTEM=="net", KERNEL=="${card}"`
}

/** A sentence, and the commands below it. */
export function remedyOf(sentence: string, changes: readonly Change[]): string {
  return [sentence, ...changes.map(commandOf)].join('\n')
}
