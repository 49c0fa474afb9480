/**
 * The certificate a server shows: given, or made at its first start by an authority of its own, which clients are told
 * to trust. `DIR/tls/ca.crt` is that authority, `server.crt` and `server.key` what is shown.
 */
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls'
import { WeirError } from '../base/errors.ts'
import { replaceFile } from '../base/replace-file.ts'

export type TlsConfig =
  | { readonly certificate: string; readonly key: string }
  | { readonly generate: true; readonly names: readonly string[] }

export interface ServerTls {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** The file of the authority that clients are to trust; undefined when the certificate was given. */
  readonly authority: string | undefined
  /**
   * What is shown to who asks for a project of a name with one label, `my-proj.localhost`: no client takes `*.localhost`.
   * Undefined: the certificate above.
   */
  readonly contextFor: (name: string) => Promise<SecureContext> | undefined
}

const dayMilliseconds = 86_400_000
const authorityDays = 3650
/** What browsers and systems take. */
const certificateDays = 397
const renewDays = 30

/** @throws WeirError FileUnreadable; ConfigInvalid when certificate and key do not fit, or it is over */
export async function serverTls(config: TlsConfig, dataDir: string): Promise<ServerTls> {
  if ('certificate' in config)
    return checked(
      {
        cert: read(config.certificate),
        key: read(config.key),
        authority: undefined,
        contextFor: () => undefined,
      },
      config.certificate,
    )
  const folder = join(dataDir, 'tls')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const names = namesOf(config.names)
  const place = join(folder, 'server.crt')
  const authority = join(folder, 'ca.crt')
  const kept = known(place)
  if (kept === undefined || isOver(kept, renewDays) || !covers(kept, names))
    await generate(folder, names)
  const tls = { cert: read(place), key: read(join(folder, 'server.key')), authority }
  return checked({ ...tls, contextFor: projectContexts(folder, names) }, place)
}

/** `localhost` always; each name with the projects below it, where a client takes that. */
function namesOf(names: readonly string[]): readonly string[] {
  const all = ['localhost', hostname().toLowerCase(), ...names].flatMap((name) =>
    isIP(name) === 0 && name.includes('.') ? [name, `*.${name}`] : [name],
  )
  return [...new Set([...all, '127.0.0.1', '::1'])]
}

const contextsMax = 1000

function projectContexts(folder: string, names: readonly string[]): ServerTls['contextFor'] {
  const parents = names.filter((name) => isIP(name) === 0 && !name.includes('.'))
  const contexts = new Map<string, Promise<SecureContext>>()
  return (name) => {
    const [, parent] = /^[a-z0-9][a-z0-9_-]{1,62}\.([a-z0-9-]+)$/.exec(name) ?? []
    if (parent === undefined || !parents.includes(parent)) return undefined
    const known = contexts.get(name)
    if (known !== undefined) return known
    const made = leaf(folder, [name]).then(createSecureContext)
    if (contexts.size >= contextsMax) contexts.delete(contexts.keys().next().value!)
    contexts.set(name, made)
    made.catch(() => contexts.delete(name))
    return made
  }
}

async function generate(folder: string, names: readonly string[]): Promise<void> {
  const { key, cert } = await leaf(folder, names)
  replaceFile(join(folder, 'server.key'), key, 0o600)
  replaceFile(join(folder, 'server.crt'), cert, 0o644)
}

async function leaf(
  folder: string,
  names: readonly string[],
): Promise<{ key: string; cert: string }> {
  const { generate: make } = await import('selfsigned')
  const authority = await authorityOf(folder)
  const made = await make([{ name: 'commonName', value: names[0]! }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...daysFromNow(certificateDays),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) =>
          isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name },
        ),
      },
    ],
  })
  return { key: made.private, cert: made.cert }
}

async function authorityOf(folder: string): Promise<{ key: string; cert: string }> {
  const [keyFile, file] = [join(folder, 'ca.key'), join(folder, 'ca.crt')]
  const kept = known(file)
  if (kept !== undefined && !isOver(kept, certificateDays))
    return { key: read(keyFile), cert: read(file) }
  const { generate: make } = await import('selfsigned')
  const made = await make([{ name: 'commonName', value: `Weir on ${hostname()}` }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...daysFromNow(authorityDays),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  replaceFile(keyFile, made.private, 0o600)
  replaceFile(file, made.cert, 0o644)
  return { key: made.private, cert: made.cert }
}

/** A clock a little behind ours takes it too. */
const daysFromNow = (days: number) => ({
  notBeforeDate: new Date(Date.now() - dayMilliseconds),
  notAfterDate: new Date(Date.now() + days * dayMilliseconds),
})

function known(file: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new WeirError('ConfigInvalid', `no certificate: ${(error as Error).message}`, {
      place: file,
      hint: 'Remove it, and a new one is made',
      cause: error,
    })
  }
}

const isOver = (certificate: X509Certificate, withinDays: number): boolean =>
  certificate.validToDate.getTime() < Date.now() + withinDays * dayMilliseconds

const covers = (certificate: X509Certificate, names: readonly string[]): boolean =>
  names.every((name) =>
    isIP(name) === 0
      ? certificate.checkHost(name.replace('*', 'any'), { subject: 'never' }) !== undefined
      : certificate.checkIP(name) !== undefined,
  )

/** For the option of that name. */
export const sniCallback =
  ({ contextFor }: ServerTls): NonNullable<TlsOptions['SNICallback']> =>
  (name, done) => {
    const context = contextFor(name.toLowerCase())
    if (context === undefined) return done(null)
    context.then(
      (made) => done(null, made),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    )
  }

function checked(tls: ServerTls, place: string): ServerTls {
  try {
    createSecureContext({ cert: tls.cert, key: tls.key })
  } catch (cause) {
    throw new WeirError(
      'ConfigInvalid',
      `certificate and key do not fit: ${(cause as Error).message}`,
      { place, cause },
    )
  }
  if (!isOver(new X509Certificate(tls.cert), 0)) return tls
  throw new WeirError('ConfigInvalid', 'the certificate is over', { place })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new WeirError('FileUnreadable', (cause as Error).message, { place: path, cause })
  }
}
