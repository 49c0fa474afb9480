/** The lab on a terminal, 78 columns wide. */
export const picture = `
  120.26.0.1  121.43.0.1  154.212.0.1  176.65.0.1  198.235.0.1       [internet]
       |                                        |
  47.96.0.1 = 10.0.0.1                     47.96.0.9 = 10.0.1.10
       |                                        |
  +----+------------+  +------------------------+---------+  +-----------------+
  | vpc-lab-web     |  | vpc-lab-1   VPC1, Hangzhou       |  | vpc-lab-2       |
  |  vsw-web        |  |  vsw-1             vsw-2         |  | VPC2, Shanghai  |
  |   web1 10.0.0.1 |  |   ecs1 10.0.0.1     ngw1         |  |  vsw-far        |
  |   port 80, for  |  |   ecs2 10.0.0.2     10.0.1.10    |==|   far1          |
  |   120.26.*      |  |   ecs3 10.0.0.3     NAT gateway  |  |    172.16.0.1   |
  |   only          |  |     '--- default route --^       |  |   far2 ...0.2   |
  +-----------------+  +----------------------------------+  +-----------------+
                                       peering connection ==
  +---------------------+
  | vpc-lab-app1        |
  |  app1 192.168.20.11 +--.                          express
  +---------------------+  +-- transit --- virtual    connect      [site]
  +---------------------+  |   router      border ----------- 10.1.0.10
  | vpc-lab-app2        +--'   tr          router, vbr        10.1.0.20
  |  app2 192.168.10.11 |
  +---------------------+
`
