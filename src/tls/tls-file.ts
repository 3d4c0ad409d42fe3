// The files that the TLS settings name, as bytes, and the error that says what is wrong with one. Used by
// tls.ts and pkcs12.ts.
import { FileFault, readRegularFile } from '../config/named-file.ts'

/** A chain of ten certificates has 20 KB; this leaves room for comments, and catches a wrong file. */
const FILE_BYTES_MAX = 1_048_576

export type TlsPathSetting = 'tls_certificate_path' | 'tls_private_key_path' | 'tls_pkcs12_path'

/** Files that cannot be used; the message says which and why. */
export class TlsError extends Error {
  override name = 'TlsError'
}

export function readTlsFile(setting: TlsPathSetting, path: string): Buffer {
  try {
    return readRegularFile(path, FILE_BYTES_MAX)
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    throw new TlsError(`[network] ${setting} '${path}' cannot be read: ${error.message}`)
  }
}

/** What `parse` gives; TlsError with `fault` when it throws. */
export function parsed<T>(fault: string, parse: () => T): T {
  try {
    return parse()
  } catch {
    throw new TlsError(fault)
  }
}
