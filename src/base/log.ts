/** The program's own log: one line an event on standard error. Values are quoted when they hold spaces. */
export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export type LogFields = Readonly<Record<string, string | number | boolean>>

export function createLog(
  write: (line: string) => void = (line) => void process.stderr.write(line),
): Log {
  const line =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      const tail = Object.entries(fields).map(([name, value]) => ` ${name}=${quote(String(value))}`)
      write(`${new Date().toISOString()} ${level} ${message}${tail.join('')}\n`)
    }
  return { info: line('info'), warn: line('warn'), error: line('error') }
}

const quote = (text: string): string => (/^[\w./:@%+,-]+$/.test(text) ? text : JSON.stringify(text))
