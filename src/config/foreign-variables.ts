// Environment variables that begin like those of our settings but are meant for others. Used by load.ts,
// which takes any other one for a mistake.

/**
 * Kubernetes tells each container where the services of its namespace are. For a service called
 * «aquatic» or «aquatic-udp» these variables begin with AQUATIC_, though nobody has set them.
 */
const SERVICE_LINK =
  /^AQUATIC_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/
const SERVICE_PORT = /^AQUATIC_(\w+_)?PORT$/
const SERVICE_URL = /^(tcp|udp|sctp):\/\//

/** Where aquatic_bench and the tests find executables. */
const EXECUTABLES = /^AQUATIC_(COMPARE_\w+|((UDP|HTTP|WS)_)?EXECUTABLE)$/

export function isForeign(variable: string, value: string): boolean {
  if (SERVICE_LINK.test(variable) || EXECUTABLES.test(variable)) return true
  return SERVICE_PORT.test(variable) && SERVICE_URL.test(value)
}
