// What a start of any tracker would refuse beside mistakes in the settings themselves, for --check: users,
// folders, files and addresses that they name. Called by program.ts. Nothing is made, changed or listened on.
import { accessKeyFaults } from '../access-keys/reloader.ts'
import { accessListFaults } from '../access-list/reloader.ts'
import { addressBytes, addressText, parseSocketAddress } from '../config/address.ts'
import type { CheckFindings } from '../config/cli.ts'
import { type ListenAddress, listenAddresses } from '../config/listen.ts'
import { isAbsentAddress, listenRemedy, SystemError } from '../os/error.ts'
import { holdTcpPort, releaseTcpPort } from '../os/tcp-port.ts'
import { exportFault, persistenceFault } from '../persistence/folder-check.ts'
import { checkPrivileges } from '../process/privileges.ts'
import type { ProtocolListening } from './protocol.ts'
import type { CommonConfig } from './settings.ts'

type CheckedConfig = Pick<
  CommonConfig,
  'access_keys' | 'access_list' | 'operations' | 'persistence' | 'privileges' | 'scrape_export'
>

/** `listening`: of each protocol that is to be served. */
export async function checkTracker(
  config: CheckedConfig,
  listening: readonly ProtocolListening[],
): Promise<CheckFindings> {
  const { access_keys, access_list, persistence, privileges, scrape_export } = config
  const { identity, problems, warnings } = checkPrivileges(privileges)
  // Whoever cannot become the user cannot ask what that user may do. And a wrong root directory says enough.
  const isAsked = problems.length === 0 && warnings.length === 0
  const folder =
    persistence.path === '' || !isAsked
      ? null
      : persistenceFault(persistence.path, privileges, identity)
  // A start goes on without it, and the log tells each failure.
  const exported =
    scrape_export.path === '' || !isAsked
      ? null
      : exportFault(scrape_export.path, privileges, identity)
  const addresses = checkAddresses([
    ...listening.flatMap(({ settings, title }) => {
      return listenAddresses(settings).map((item) => ({ item, setting: settingText(title) }))
    }),
    ...operationsAddress(config.operations.address),
  ])
  return {
    problems: [
      ...problems,
      ...addresses.problems,
      ...(folder === null ? [] : [folder]),
      ...(await accessListFaults(access_list)),
      ...(await accessKeyFaults(access_keys)),
    ],
    warnings: [...warnings, ...addresses.warnings, ...(exported === null ? [] : [exported])],
  }
}

interface CheckedAddress {
  readonly item: ListenAddress
  /** Which it is of, where that is not [network] address. */
  readonly setting: string
}

function operationsAddress(text: string): CheckedAddress[] {
  const parsed = text === '' ? null : parseSocketAddress(text)
  // What is no address is a mistake in the settings, and told as that.
  if (parsed === null || 'fault' in parsed) return []
  const item = { ...parsed, dualStack: false, optional: false, portFromIndex: -1 }
  return [{ item, setting: settingText('[operations] address') }]
}

function settingText(title: string): string {
  return title === '' ? '' : ` (${title})`
}

/** Whether the machine has the addresses. Their ports may be in use: by the tracker that serves meanwhile. */
function checkAddresses(addresses: readonly CheckedAddress[]): CheckFindings {
  const problems: string[] = []
  const warnings: string[] = []
  for (const { item, setting } of addresses) {
    const error = addressFault(item)
    if (error === null || error.code === 'EADDRINUSE') continue
    if (item.optional && isAbsentAddress(error)) continue
    const text = `cannot listen on ${addressText(item)}${setting}: ${listenRemedy(error)}`
    // Who checks settings need not be who starts the tracker.
    if (error.code === 'EACCES') warnings.push(text)
    else problems.push(text)
  }
  return { problems, warnings }
}

/** With TCP, which takes nothing from a tracker at work: the addresses are the same for UDP. */
function addressFault(item: ListenAddress): SystemError | null {
  try {
    releaseTcpPort(holdTcpPort({ ...item, address: addressBytes(item) }, true))
    return null
  } catch (error) {
    if (error instanceof SystemError) return error
    throw error
  }
}
