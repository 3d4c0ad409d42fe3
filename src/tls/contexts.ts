// Which of several certificates a client is shown. Used by the workers of protocols over TLS, for the runtime's
// sockets. Pure functions.
//
// By the name that it asks for (SNI) those that have it, one for each kind of key: the library takes ECDSA where the client
// can, RSA where it cannot. A client that gives no name, or another, gets the first, with those of its names beside it.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { CertificatePair, TlsFiles } from './tls.ts'

/** In the runtime's form. */
export interface TlsContext {
  readonly cert: string[]
  readonly key: string[]
}

export interface NamedContext {
  /** In small letters; may begin with a wildcard. */
  readonly name: string
  readonly context: TlsContext
}

export interface TlsContexts {
  readonly usual: TlsContext
  /** Where a name's is another one. */
  readonly named: readonly NamedContext[]
}

interface Known {
  readonly pair: CertificatePair
  readonly kind: string
  readonly names: readonly string[]
}

export function tlsContexts({ cert, key, others }: TlsFiles): TlsContexts {
  const all = [{ cert, key }, ...others].map(knownOf)
  const [first] = all
  const usual = onePerKind(
    all.filter(({ names }) => names.some((name) => first.names.includes(name))),
    first,
  )
  const names = [...new Set(all.flatMap((each) => each.names))]
  const named = names.flatMap((name) => {
    const fitting = onePerKind(all.filter((each) => each.names.includes(name)))
    const isUsual = fitting.length === usual.length && fitting.every((each) => usual.includes(each))
    return isUsual ? [] : [{ name, context: contextOf(fitting) }]
  })
  return { usual: contextOf(usual), named }
}

function knownOf(pair: CertificatePair): Known {
  const kind = createPrivateKey(pair.key).asymmetricKeyType ?? ''
  return { pair, kind, names: namesOf(new X509Certificate(pair.cert)) }
}

function namesOf(certificate: X509Certificate): string[] {
  const { subject = '', subjectAltName = '' } = certificate as Partial<X509Certificate>
  const names = [...subjectAltName.matchAll(/(?:^|, )DNS:([^,]+)/g)].map(([, name]) => name)
  const [, common] = /^CN=(.+)$/m.exec(subject) ?? []
  if (names.length === 0 && common !== undefined) names.push(common)
  return names.map((name) => name.toLowerCase())
}

function onePerKind(list: readonly Known[], first: Known | null = null): Known[] {
  const found = first === null ? [] : [first]
  for (const each of list) if (!found.some(({ kind }) => kind === each.kind)) found.push(each)
  return found
}

function contextOf(list: readonly Known[]): TlsContext {
  return { cert: list.map(({ pair }) => pair.cert), key: list.map(({ pair }) => pair.key) }
}
