// Trusted proxies, with the failures for requests whose proxy does not name its client. Used by handle.ts.
import { TrustedProxies } from '../../http-head/proxies.ts'
import type { Networks } from '../../tcp/networks.ts'
import { failureText } from '../wire/serialize.ts'

export class HttpProxies extends TrustedProxies {
  /** The failures for clients whose proxy's header is missing or not understood. */
  readonly missing: Uint8Array
  readonly notUnderstood: Uint8Array

  constructor(networks: Networks, header: string) {
    super(networks, header)
    this.missing = failureText(`The proxy of this tracker does not send the header ${header}`)
    this.notUnderstood = failureText(
      `The proxy of this tracker names no client in the header ${header}`,
    )
  }
}
