// The certificate settings in [network], for each protocol over TCP, and checks of how they fit together. Used by the
// protocols' config.ts. Owns nothing.
import { type Finding, problem, warning } from '../config/schema.ts'
import { boolean, listOf, refuseNul, string, stringOrList } from '../config/setting.ts'
import type { TlsSettings } from './tls.ts'

/** `what`: says what is served with TLS. */
export function tlsSettings(what: string) {
  return {
    use_tls: boolean(
      false,
      `${what}

      It needs a certificate: either tls_certificate_path and tls_private_key_path, or
      tls_pkcs12_path. On SIGUSR1 the files are read again: existing connections continue, new ones
      get the new certificate. If something is wrong with the files, the log says so and the old
      certificate stays in use.`,
    ),
    tls_certificate_path: stringOrList(
      '',
      { allowed: 'a path', check: refuseNul },
      `The certificate in PEM, followed by those of its issuers. With Let's Encrypt that is
      fullchain.pem.

      With a list, a client gets the certificate that has the name it asks for (SNI), or the first if
      none has it. If several have the name, it gets ECDSA if it supports that, RSA otherwise.`,
    ),
    tls_private_key_path: stringOrList(
      '',
      { allowed: 'a path', check: refuseNul },
      `The certificate's private key in PEM: EC or RSA, PKCS#8 or the older forms, without a password.
      With Let's Encrypt that is privkey.pem. For a list of certificates, list their keys in the same
      order.`,
    ),
    tls_pkcs12_path: string(
      '',
      { check: refuseNul },
      `Certificate and private key in one PKCS#12 file, instead of the two above.`,
    ),
    tls_pkcs12_password: string(
      '',
      { secret: true },
      `The password of the PKCS#12 file. It can be given as an environment variable instead.`,
    ),
  }
}

type UsedTlsSettings = Omit<TlsSettings, 'tls_pkcs12_password'> & { readonly use_tls: boolean }

/** `plain`: how URLs begin without TLS. */
export function tlsFindings(network: UsedTlsSettings, plain: string): Finding[] {
  const { use_tls, tls_certificate_path, tls_private_key_path, tls_pkcs12_path } = network
  const count = {
    tls_certificate_path: listOf(tls_certificate_path).length,
    tls_private_key_path: listOf(tls_private_key_path).length,
  }
  const pem = count.tls_certificate_path > 0 || count.tls_private_key_path > 0
  const found: Finding[] = []
  if (pem && tls_pkcs12_path !== '') {
    const text = `[network] names a certificate twice, by tls_pkcs12_path and by tls_certificate_path
      or tls_private_key_path: empty one of them.`
    found.push(problem(['network.tls_pkcs12_path', 'network.tls_certificate_path'], text))
  }
  if (use_tls && !pem && tls_pkcs12_path === '') {
    const text = `[network] use_tls = true needs a certificate: write tls_certificate_path and
      tls_private_key_path, or tls_pkcs12_path.`
    found.push(problem(['network.use_tls'], text))
  }
  for (const [path, other] of [
    ['tls_certificate_path', 'tls_private_key_path'],
    ['tls_private_key_path', 'tls_certificate_path'],
  ] as const) {
    if (!use_tls || count[path] > 0 || count[other] === 0) continue
    const text = `[network] ${path} is empty, but ${other} needs it: write both.`
    found.push(problem([`network.${other}`], text))
  }
  if (pem && count.tls_certificate_path !== count.tls_private_key_path && found.length === 0) {
    const text = `[network] names ${count.tls_certificate_path} certificates and ${count.tls_private_key_path} keys: each
      needs its own, in the same order.`
    found.push(problem(['network.tls_private_key_path'], text))
  }
  if (!use_tls && (pem || tls_pkcs12_path !== '')) {
    const text = `[network] names a certificate, but use_tls is false: the tracker serves ${plain} without
      it. Set use_tls = true.`
    found.push(warning(['network.use_tls'], text))
  }
  return found
}
