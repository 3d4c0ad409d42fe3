// Dropping root privileges after the start: the settings section [privileges], its checks, and the steps
// themselves. Used by each protocol's config and main.
//
// In two steps, because each is possible at one time only: the user is looked up before the start (no
// user database inside the new root directory), rights are dropped once sockets are open and workers
// run (later nobody could open them).
import { statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { type CheckFindings, StartError } from '../config/cli.ts'
import { type ConfigOf, type Finding, problem, section } from '../config/schema.ts'
import { boolean, refuseNul, string } from '../config/setting.ts'
import { SystemError } from '../os/error.ts'
import { dropPrivileges, type Identity, isRoot, lookUpIdentity } from '../os/privileges.ts'

export const privilegeSettings = section(
  'Privileges to drop once the sockets are open, for a tracker started as root.',
  {
    drop_privileges: boolean(
      false,
      `Change the root directory and become another user once sockets are open and workers run. Startup
      fails if any step fails. With false the three settings below have no effect.

      The program then starts twice in the same process: the first start removes every way for future
      threads to regain privileges (no_new_privs, an empty capability bounding set), the second serves.`,
    ),
    chroot_path: string(
      '.',
      { check: refuseNul },
      `Make this directory the root directory. A relative path is relative to the working directory at
      startup. The tracker needs no file in it; an empty directory owned by root is safest.`,
    ),
    user: string(
      'nobody',
      { check: refuseNul },
      `Become this user, given by name. It must exist. All supplementary groups are dropped.`,
    ),
    group: string(
      '',
      { check: refuseNul },
      `Become this group, given by name. Empty means the user's primary group.`,
    ),
  },
)

export type PrivilegeConfig = ConfigOf<{ privileges: typeof privilegeSettings }>['privileges']

const NEEDS_ROOT =
  'cannot drop privileges ([privileges] drop_privileges = true): that needs a start as root (EPERM)'

/** What is wrong with the section as a whole. */
export function privilegeFindings(privileges: PrivilegeConfig): Finding[] {
  if (!privileges.drop_privileges) return []
  return (['user', 'chroot_path'] as const)
    .filter((key) => privileges[key] === '')
    .map((key) =>
      problem(
        [`privileges.${key}`, 'privileges.drop_privileges'],
        `[privileges] ${key} is empty, but drop_privileges needs it: write one.`,
      ),
    )
}

/** Who the process will become; null when it keeps its rights. Throws StartError when that is impossible. */
export function identityFor(privileges: PrivilegeConfig): Identity | null {
  const { identity, faults } = lookUp(privileges)
  if (faults.length > 0) throw new StartError(faults[0])
  if (identity !== null && !isRoot()) throw new StartError(NEEDS_ROOT)
  return identity
}

/** What the start would find wrong, for --check, and who the process would become. */
export function checkPrivileges(
  privileges: PrivilegeConfig,
): CheckFindings & { readonly identity: Identity | null } {
  const { identity, faults } = lookUp(privileges)
  // Who checks settings need not be who starts the tracker.
  const isOther = identity !== null && !isRoot()
  return { identity, problems: faults, warnings: isOther ? [NEEDS_ROOT] : [] }
}

function lookUp(privileges: PrivilegeConfig): { identity: Identity | null; faults: string[] } {
  const { drop_privileges, user, group, chroot_path } = privileges
  // Empty settings have been reported (privilegeFindings).
  if (!drop_privileges || user === '' || chroot_path === '') return { identity: null, faults: [] }
  const identity = lookUpIdentity(user, group)
  const faults: string[] = []
  if (identity === null) {
    const name = group === '' ? `user '${user}'` : `user '${user}' or group '${group}'`
    faults.push(`[privileges] ${name} does not exist on this machine`)
  } else if (identity.user === 0) {
    faults.push(`[privileges] user '${user}' is root itself: name one without its rights`)
  }
  const fault = folderFault(chroot_path)
  if (fault !== null) faults.push(`[privileges] chroot_path '${chroot_path}' ${fault}`)
  return { identity, faults }
}

function folderFault(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? null : 'is not a folder: name one'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return 'does not exist (ENOENT): make that folder, or name another'
    return `cannot be used (${code ?? String(error)}): name another folder`
  }
}

/** Changes the root directory and becomes `identity`, in all threads; does nothing for null. */
export function giveUpRights(
  { chroot_path, user }: PrivilegeConfig,
  identity: Identity | null,
): void {
  if (identity === null) return
  try {
    dropPrivileges(chroot_path, identity)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    // In a container, root may lack what each step needs.
    const remedy =
      error.code === 'EPERM' ? ': that needs a start as root, with all of its rights' : ''
    throw new StartError(
      `cannot drop privileges ([privileges] chroot_path '${chroot_path}', user '${user}'): ` +
        `${error.message}${remedy}`,
    )
  }
}

/** The path as it is called once `root` is the root directory; null when it is outside. */
export function pathBelow(root: string, path: string): string | null {
  const inside = relative(resolve(root), resolve(path))
  if (inside === '..' || inside.startsWith('../') || isAbsolute(inside)) return null
  return `/${inside}`
}
