// What startup of any tracker would refuse apart from mistakes in the settings themselves, for --check: the
// users, folders, files and addresses that they name. Called by program.ts. Nothing is made, changed or
// listened on.

import { resolve } from 'node:path'
import { accessKeyFaults } from '../access-keys/reloader.ts'
import { accessListFaults } from '../access-list/reloader.ts'
import { clientListFaults } from '../client-lists/reloader.ts'
import { clusterFaults } from '../cluster/access.ts'
import { addressBytes, addressText, parseSocketAddress } from '../config/address.ts'
import type { CheckFindings } from '../config/cli.ts'
import { type ListenAddress, listenAddresses } from '../config/listen.ts'
import { readToken } from '../operations/token.ts'
import { isAbsentAddress, listenRemedy, SystemError } from '../os/error.ts'
import type { Identity } from '../os/privileges.ts'
import { holdTcpPort, releaseTcpPort } from '../os/tcp-port.ts'
import { fileFault, persistenceFault } from '../persistence/folder-check.ts'
import { checkPrivileges } from '../process/privileges.ts'
import type { ProtocolListening } from './protocol.ts'
import type { CommonConfig } from './settings.ts'

type CheckedConfig = Pick<
  CommonConfig,
  | 'access_keys'
  | 'access_list'
  | 'network_list'
  | 'client_list'
  | 'operations'
  | 'cluster'
  | 'persistence'
  | 'privileges'
  | 'public_page'
  | 'scrape_export'
  | 'statistics'
>

/** `listening`: of each enabled protocol. */
export async function checkTracker(
  config: CheckedConfig,
  listening: readonly ProtocolListening[],
): Promise<CheckFindings> {
  const { access_keys, access_list, persistence, privileges } = config
  const { network_list, client_list, cluster } = config
  const { identity, problems, warnings } = checkPrivileges(privileges)
  // A process that cannot become the user cannot find out what that user may do. And a wrong root directory is
  // enough to report.
  const isAsked = problems.length === 0 && warnings.length === 0
  const folder =
    persistence.path === '' || !isAsked
      ? null
      : persistenceFault(persistence.path, privileges, identity)
  const unwritable = isAsked ? unwritableFiles(config, identity) : []
  const addresses = checkAddresses([
    ...listening.flatMap(({ settings, title }) => {
      return listenAddresses(settings).map((item) => ({ item, setting: settingText(title) }))
    }),
    ...pageAddress(config.operations.address, '[operations] address'),
    ...pageAddress(config.public_page.address, '[public_page] address'),
  ])
  return {
    problems: [
      ...problems,
      ...addresses.problems,
      ...(folder === null ? [] : [folder]),
      ...(await accessListFaults(access_list)),
      ...tokenFaults(config.operations.token_path),
      ...(await accessKeyFaults(access_keys)),
      ...(await clientListFaults(network_list, client_list)),
      ...(cluster === undefined ? [] : await clusterFaults(cluster)),
    ],
    warnings: [...warnings, ...addresses.warnings, ...unwritable],
  }
}

/** Startup continues without them, and the log reports each failure. */
function unwritableFiles(
  { scrape_export, statistics, privileges }: CheckedConfig,
  identity: Identity | null,
): string[] {
  const files = [
    ['[scrape_export] path', scrape_export.path],
    ['[statistics] history_path', statistics.history_path],
  ]
  return files
    .filter(([, path]) => path !== '')
    .map(([setting, path]) => fileFault(setting, path, privileges, identity))
    .filter((fault) => fault !== null)
}

interface CheckedAddress {
  readonly item: ListenAddress
  /** Its setting, if that is not [network] address. */
  readonly setting: string
}

function pageAddress(text: string, setting: string): CheckedAddress[] {
  const parsed = text === '' ? null : parseSocketAddress(text)
  // An invalid address is a mistake in the settings, and reported there.
  if (parsed === null || 'fault' in parsed) return []
  const item = { ...parsed, dualStack: false, optional: false, portFromIndex: -1 }
  return [{ item, setting: settingText(setting) }]
}

function tokenFaults(path: string): string[] {
  const token = path === '' ? null : readToken(resolve(path))
  return typeof token === 'string' ? [`[operations] token_path '${path}' ${token}`] : []
}

function settingText(title: string): string {
  return title === '' ? '' : ` (${title})`
}

/** Whether the machine has the addresses. Their ports may be in use, by the tracker that is running. */
function checkAddresses(addresses: readonly CheckedAddress[]): CheckFindings {
  const problems: string[] = []
  const warnings: string[] = []
  for (const { item, setting } of addresses) {
    const error = addressFault(item)
    if (error === null || error.code === 'EADDRINUSE') continue
    if (item.optional && isAbsentAddress(error)) continue
    const text = `cannot listen on ${addressText(item)}${setting}: ${listenRemedy(error)}`
    // The user who checks the settings need not be the one who starts the tracker.
    if (error.code === 'EACCES') warnings.push(text)
    else problems.push(text)
  }
  return { problems, warnings }
}

/** Tries TCP even for UDP, since that takes no packets from a running tracker; the addresses are the same. */
function addressFault(item: ListenAddress): SystemError | null {
  try {
    releaseTcpPort(holdTcpPort({ ...item, address: addressBytes(item) }, true))
    return null
  } catch (error) {
    if (error instanceof SystemError) return error
    throw error
  }
}
