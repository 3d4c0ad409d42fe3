// The troubles of a tracker whose clients have addresses at which no other can reach them. Used by the protocols'
// troubles.ts.
import { lossSource } from '../process/losses.ts'
import type { TroubleSource } from '../process/troubles.ts'

/** Counters of the protocol, since startup. */
type AddressCounter = 'requests_announce' | 'rejected_private_address' | 'rejected_reserved_address'

/** Fewer are a machine of the site now and then, or a client that is set up wrong. */
const FROM = 0.001

export function peerAddressSources(of: (name: AddressCounter) => number): TroubleSource[] {
  const shared = { all: () => of('requests_announce'), from: FROM, what: 'announce' }
  return [
    lossSource({
      ...shared,
      name: 'private_peers',
      lost: () => of('rejected_private_address'),
      text: (figure, when) =>
        `Answered ${figure} ${when} without storing the peer: private addresses, which the public clients ` +
        'of this tracker cannot reach.',
      remedy: () =>
        'If a proxy or address translation hides the clients, mend that (docs/operations.md, «Addresses of ' +
        "peers»). Peers of your own network: name external_ipv4 in [peer_addresses], or set private_peers = 'store'.",
    }),
    lossSource({
      ...shared,
      name: 'reserved_peers',
      lost: () => of('rejected_reserved_address'),
      text: (figure, when) =>
        `Answered ${figure} ${when} without storing the peer: reserved addresses, which nobody can reach.`,
      remedy: () =>
        "Find out who they are; in a test network that uses such addresses, set [peer_addresses] reserved_peers = 'store'.",
    }),
  ]
}
