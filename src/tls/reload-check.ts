// What new certificates would need after privileges are dropped, and lack: said at the start, by the main.ts of
// a protocol over TLS, because SIGUSR1 would only be too late. Owns nothing.
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Identity } from '../os/privileges.ts'
import type { PrivilegeConfig } from '../process/privileges.ts'
import type { TlsSettings } from './tls.ts'

// Bits of a file's mode: readable by its owner, its group, all others.
const OWNER_READS = 0o400
const GROUP_READS = 0o040
const OTHERS_READ = 0o004

/** One sentence for each thing that is missing. */
export function reloadProblems(
  network: TlsSettings,
  privileges: PrivilegeConfig,
  identity: Identity,
): string[] {
  const { tls_pkcs12_path, tls_certificate_path, tls_private_key_path } = network
  const paths = [tls_pkcs12_path, tls_certificate_path, tls_private_key_path].flat()
  return paths
    .filter((path) => path !== '')
    .flatMap((path) => fileProblem(privileges.chroot_path, path, identity, privileges.user))
}

function fileProblem(root: string, path: string, identity: Identity, user: string): string[] {
  // Behind the chroot the working directory is its root, so relative paths start there as well.
  const inside = resolve(root, `./${path}`)
  try {
    const { mode, uid, gid } = statSync(inside)
    const bit =
      uid === identity.user ? OWNER_READS : gid === identity.group ? GROUP_READS : OTHERS_READ
    if ((mode & bit) !== 0) return []
    return [`SIGUSR1 will not find new certificates: user '${user}' may not read '${inside}'`]
  } catch {
    return [
      `SIGUSR1 will not find new certificates: '${path}' does not exist inside [privileges] ` +
        `chroot_path, as '${inside}'`,
    ]
  }
}
