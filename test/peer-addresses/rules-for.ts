// Rules about the addresses of peers, with the defaults or others. Used by tests of peers that are not stored.
import {
  createPublicPeers,
  PeerAddresses,
  type PeerAddressRules,
} from '../../src/peer-addresses/peer-addresses.ts'
import { START } from '../udp/harness.ts'

export const DEFAULT_RULES: PeerAddressRules = {
  privatePeers: 'auto',
  storesReserved: false,
  internal: [],
  externalIPv4: '',
  externalIPv6: '',
}

/** Seconds. */
export const MAX_AGE = 1200

export function addressesFor(
  rules: Partial<PeerAddressRules> = {},
  shared = createPublicPeers(),
): PeerAddresses {
  const addresses = new PeerAddresses(shared, { ...DEFAULT_RULES, ...rules }, MAX_AGE)
  addresses.setTime(START)
  return addresses
}
