/** Rules 47 to 50: when a connection is closed, and what `end` is then. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { becomes, recordLines, replayLines } from './packet-lines.ts'

const c = '10.0.0.1:4000 > 10.0.0.2:80'
const s = '10.0.0.2:80 > 10.0.0.1:4000'
const c6 = '[fd00::1]:4000 > [fd00::2]:80'
const s6 = '[fd00::2]:80 > [fd00::1]:4000'

// "The end time of the capture window for a persistent connection, or the time when a short-lived
// connection was closed".
suite('47 end', () => {
  test('47 a persistent connection ends at the end of the window', () =>
    becomes(
      [`5 ${c} S`, `5 ${s} SA`, `6 ${c} A`, `7 ${c} PA+10`],
      [`${c} tcp 3p 130B SPA 5..60`, `${s} tcp 1p 40B SA 5..60`],
    ))

  test('47 FIN both ways: both records end at the second FIN, or their own last packet', () =>
    becomes(
      [`5 ${c} S`, `5 ${s} SA`, `6 ${c} A`, `10 ${c} FA`, `12.2 ${s} FA`, `14.5 ${c} A`],
      [`${c} tcp 4p 160B FSA 5..14`, `${s} tcp 2p 80B FSA 5..12`],
    ))

  test('47 the server may be the first to close', () =>
    becomes(
      [`5 ${c} S`, `5 ${s} SA`, `10 ${s} FA`, `10.1 ${c} A`, `20 ${c} FA`],
      [`${c} tcp 3p 120B FSA 5..20`, `${s} tcp 2p 80B FSA 5..20`],
    ))

  test('47 RST closes, whoever sends it', async () => {
    await becomes([`5 ${c} S`, `6 ${s} RA`], [`${c} tcp 1p 40B S 5..6`, `${s} tcp 1p 40B RA 6..6`])
    await becomes(
      [`5 ${c} S`, `6 ${s} SA`, `20 ${c} R`],
      [`${c} tcp 2p 80B SR 5..20`, `${s} tcp 1p 40B SA 6..20`],
    )
  })

  test('47 a lone FIN closes nothing, sent again neither', () =>
    becomes(
      [`5 ${c} FA`, `6 ${c} FA`, `7 ${s} A`],
      [`${c} tcp 2p 80B FA 5..60`, `${s} tcp 1p 40B A 7..60`],
    ))

  test('47 the last closing packet counts', () =>
    becomes(
      [`5 ${c} FA`, `6 ${s} FA`, `7 ${c} R`],
      [`${c} tcp 2p 80B FRA 5..7`, `${s} tcp 1p 40B FA 6..7`],
    ))

  test('47 a SYN in between forgets the FIN before it; a SYN with ACK does not', async () => {
    await becomes(
      [`5 ${c} FA`, `6 ${c} S`, `7 ${s} FA`],
      [`${c} tcp 2p 80B FSA 5..60`, `${s} tcp 1p 40B FA 7..60`],
    )
    await becomes(
      [`5 ${c} FA`, `6 ${s} SA`, `7 ${s} FA`],
      [`${c} tcp 1p 40B FA 5..7`, `${s} tcp 2p 80B FSA 6..7`],
    )
  })

  test('47 IPv6 the same', async () => {
    await becomes(
      [`5 ${c6} S`, `6 ${s6} SA`, `10 ${c6} FA`, `12 ${s6} FA`, `13 ${c6} A`],
      [`${c6} tcp 3p 180B FSA 5..13`, `${s6} tcp 2p 120B FSA 6..12`],
    )
    await becomes(
      [`5 ${c6} S`, `6 ${s6} RA`, `61 ${c6} A`],
      [`${c6} tcp 1p 60B S 5..6`, `${s6} tcp 1p 60B RA 6..6`, `${c6} tcp 1p 60B A 61..120`],
    )
    await becomes(
      [`50 ${c6} FA`, `70 ${s6} FA`],
      [`${c6} tcp 1p 60B FA 50..60`, `${s6} tcp 1p 60B FA 70..70`],
    )
  })

  test('47 connections that differ in one word of an address are told apart', () => {
    const other = '[fd00::1:0:0:1]:4000 > [fd00::2]:80'
    return becomes(
      [`5 ${c6} FA`, `6 ${other} FA`, `7 ${s6} FA`],
      [`${other} tcp 1p 60B FA 6..60`, `${c6} tcp 1p 60B FA 5..7`, `${s6} tcp 1p 60B FA 7..7`],
    )
  })

  test('47 equal ports and addresses: a connection of a host with itself', () =>
    becomes(
      [`5 10.0.0.1:7 > 10.0.0.1:7 S`, `6 10.0.0.1:7 > 10.0.0.1:7 R`],
      ['10.0.0.1:7 > 10.0.0.1:7 tcp 2p 80B SR 5..6'],
    ))

  test('47 other protocols are never closed', () =>
    becomes(
      ['5 10.0.0.1:4000 > 10.0.0.2:80 udp', '6 10.0.0.1 > 10.0.0.2 icmp'],
      ['10.0.0.1 > 10.0.0.2 icmp 1p 28B . 6..60', '10.0.0.1:4000 > 10.0.0.2:80 udp 1p 28B . 5..60'],
    ))
})

suite('47 and 29: how long a FIN is remembered', () => {
  /** Other traffic, so that what follows is looked up with the packets before it or in another stride. */
  const others = (count: number, at: string): string[] =>
    Array.from({ length: count }, (_, i) => `${at} 10.1.0.${i % 200}:${i} > 10.2.0.1:53 udp`)
  const closedIn = async (packets: readonly string[], expected: string): Promise<void> => {
    for (const count of [0, 3, 127, 128, 400]) {
      const filled = packets.flatMap((line) => [line, ...others(count, line.split(' ')[0]!)])
      const { records } = await replayLines([filled], { windowSeconds: 600 })
      const lines = recordLines(records, 600).filter((line) => line.startsWith(s))
      assert.equal(lines.at(-1), expected, `${count} packets between`)
    }
  }

  test('47 half closed: after 910 s of silence the FIN is remembered, after more it is not', async () => {
    await closedIn([`10 ${c} FA`, `920 ${s} FA`], `${s} tcp 1p 40B FA 920..920`)
    await closedIn([`10 ${c} FA`, `921 ${s} FA`], `${s} tcp 1p 40B FA 921..1200`)
  })

  test('47 the silence is measured in fractions of seconds', async () => {
    await closedIn([`10.9 ${c} FA`, `920.8 ${s} FA`], `${s} tcp 1p 40B FA 920..920`)
    await closedIn([`10.1 ${c} FA`, `920.2 ${s} FA`], `${s} tcp 1p 40B FA 920..1200`)
    await closedIn([`10.1 ${c} FA`, `10.9 ${c} A`, `920.2 ${s} FA`], `${s} tcp 1p 40B FA 920..920`)
  })

  test('47 half closed, the other side goes on sending', () =>
    closedIn(
      [`10 ${c} FA`, `700 ${s} A`, `1400 ${s} A`, `2100 ${s} A`, `2900 ${s} FA`],
      `${s} tcp 1p 40B FA 2900..2900`,
    ))

  test('47 half closed, only the side that closed goes on sending', () =>
    closedIn(
      [`10 ${c} FA`, `700 ${c} A`, `1400 ${c} A`, `2100 ${c} A`, `2900 ${s} FA`],
      `${s} tcp 1p 40B FA 2900..2900`,
    ))

  test('47 silence of more than 910 s anywhere between forgets the FIN', () =>
    closedIn(
      [`10 ${c} FA`, `700 ${s} A`, `1611 ${s} A`, `1700 ${s} FA`],
      `${s} tcp 2p 80B FA 1611..1800`,
    ))

  test('47 the silence is that since the last packet, also one read before the FIN', () =>
    closedIn([`100 ${c} A`, `90 ${c} FA`, `1005 ${s} FA`], `${s} tcp 1p 40B FA 1005..1005`))

  test('47 every packet of a second counts, at the end of its window too', async () => {
    for (const first of ['10', '590'])
      await closedIn(
        [
          `${first}.1 ${c} FA`,
          `${first}.2 ${s} A`,
          `${first}.8 ${c} A`,
          `${Number(first) + 910}.7 ${s} FA`,
        ],
        `${s} tcp 1p 40B FA ${Number(first) + 910}..${Number(first) + 910}`,
      )
    await closedIn(
      [`10.1 ${c} FA`, `10.2 ${s} A`, `10.8 ${c} A`, `920.9 ${s} FA`],
      `${s} tcp 1p 40B FA 920..1200`,
    )
    await closedIn(
      [`10.1 ${c} FA`, `10.2 ${s} FA`, `10.8 ${c} A`, `13.7 ${c} FA`],
      `${s} tcp 1p 40B FA 10..13`,
    )
  })
})

suite('48 after the close', () => {
  test('48 the final ACK in the next window makes a record that ends with it', () =>
    becomes(
      [`57 ${c} FA`, `58 ${s} FA`, `60 ${c} A`],
      [`${c} tcp 1p 40B FA 57..58`, `${s} tcp 1p 40B FA 58..58`, `${c} tcp 1p 40B A 60..120`],
    ))

  test('48 what comes later prolongs its own record only', () =>
    becomes(
      [`10 ${c} FA`, `11 ${s} FA`, `30 ${c} A`],
      [`${c} tcp 2p 80B FA 10..30`, `${s} tcp 1p 40B FA 11..11`],
    ))

  test('48 a FIN sent again within 3 s closes again, for both', () =>
    becomes(
      [`10 ${c} FA`, `11 ${s} FA`, `14 ${s} FA`],
      [`${c} tcp 1p 40B FA 10..14`, `${s} tcp 2p 80B FA 11..14`],
    ))

  test('48 a FIN sent again after more than 3 s is the first of a connection nobody knows', async () => {
    await becomes(
      [`10 ${c} FA`, `11 ${s} FA`, `15 ${s} FA`],
      [`${c} tcp 1p 40B FA 10..11`, `${s} tcp 2p 80B FA 11..15`],
    )
    await becomes(
      [`10 ${c} FA`, `11 ${s} FA`, `15 ${s} FA`, `16 ${c} FA`],
      [`${c} tcp 2p 80B FA 10..16`, `${s} tcp 2p 80B FA 11..16`],
    )
  })

  test('48 the 3 s are measured in fractions of seconds', async () => {
    await becomes(
      [`10 ${c} FA`, `11.9 ${s} FA`, `14.8 ${s} FA`],
      [`${c} tcp 1p 40B FA 10..14`, `${s} tcp 2p 80B FA 11..14`],
    )
    await becomes(
      [`10 ${c} FA`, `11.1 ${s} FA`, `14.2 ${s} FA`],
      [`${c} tcp 1p 40B FA 10..11`, `${s} tcp 2p 80B FA 11..14`],
    )
  })

  test('48 closed in one window, FIN sent again in the next: closed there again within 3 s', async () => {
    await becomes(
      [`57 ${c} FA`, `58 ${s} FA`, `61 ${s} FA`],
      [`${c} tcp 1p 40B FA 57..58`, `${s} tcp 1p 40B FA 58..58`, `${s} tcp 1p 40B FA 61..61`],
    )
    await becomes(
      [`57 ${c} FA`, `58 ${s} FA`, `62 ${s} FA`],
      [`${c} tcp 1p 40B FA 57..58`, `${s} tcp 1p 40B FA 58..58`, `${s} tcp 1p 40B FA 62..120`],
    )
  })
})

suite('49 FIN in one window, the other FIN in the next', () => {
  test('49 it is closed in the second; records of the first end with their window', () =>
    becomes(
      [`50 ${c} FA`, `51 ${s} A`, `70 ${s} FA`, `71 ${c} A`],
      [
        `${c} tcp 1p 40B FA 50..60`,
        `${s} tcp 1p 40B A 51..60`,
        `${c} tcp 1p 40B A 71..71`,
        `${s} tcp 1p 40B FA 70..70`,
      ],
    ))

  test('49 windows may lie between', () =>
    becomes(
      [`50 ${c} FA`, `100 ${s} A`, `190 ${s} FA`],
      [`${c} tcp 1p 40B FA 50..60`, `${s} tcp 1p 40B A 100..120`, `${s} tcp 1p 40B FA 190..190`],
    ))
})

suite('50 the same five-tuple again in one window', () => {
  const first = [`5 ${c} S`, `6 ${s} SA`, `10 ${c} FA`, `11 ${s} FA`]
  test('50 one record; open again, it ends with the window', () =>
    becomes(
      [...first, `20 ${c} S`, `21 ${s} SA`],
      [`${c} tcp 3p 120B FSA 5..60`, `${s} tcp 3p 120B FSA 6..60`],
    ))

  test('50 one record; closed again, it ends there', () =>
    becomes(
      [...first, `20 ${c} S`, `21 ${s} SA`, `30 ${c} R`],
      [`${c} tcp 4p 160B FSRA 5..30`, `${s} tcp 3p 120B FSA 6..30`],
    ))

  test('50 used again the other way round', () =>
    becomes([...first, `20 ${s} S`], [`${c} tcp 2p 80B FSA 5..60`, `${s} tcp 3p 120B FSA 6..60`]))

  test('50 used again in the next window', () =>
    becomes(
      [...first, `61 ${c} S`, `62 ${s} SA`],
      [
        `${c} tcp 2p 80B FSA 5..11`,
        `${s} tcp 2p 80B FSA 6..11`,
        `${c} tcp 1p 40B S 61..120`,
        `${s} tcp 1p 40B SA 62..120`,
      ],
    ))
})

test('47 with more connections than are kept before idle ones are swept', async () => {
  const packets: string[] = []
  const connections = 70_000
  // Each closes, one in four is reset; the windows are long over when the last ones come.
  for (let i = 0; i < connections; i++) {
    const at = Math.floor(i / 100)
    const client = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:4000`
    packets.push(`${at} ${client} > 10.9.0.1:80 FA`)
    packets.push(`${at} 10.9.0.1:80 > ${client} ${i % 4 === 0 ? 'R' : 'FA'}`)
  }
  packets.push(`2000 ${c} FA`, `2001 ${s} FA`)
  const { records } = await replayLines([packets])
  const spoken = records.filter((record) => record['log-status'] === 'OK')
  assert.equal(spoken.length, 2 * connections + 2)
  const open = spoken.filter((record) => Number(record.end) - Number(record.start) > 1)
  assert.deepEqual(recordLines(open, 60), [])
})
