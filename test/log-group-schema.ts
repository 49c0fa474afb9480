/** LogGroup and LogGroupList as protobufjs reads and writes them: the schema of alibaba-api.md 3.5, by another. */
import protobuf from 'protobufjs'

const { root } = protobuf.parse(
  `
  syntax = "proto2";
  package sls;
  message Log {
    required uint32 Time = 1;
    message Content { required string Key = 1; required string Value = 2; }
    repeated Content Contents = 2;
    optional fixed32 Time_ns = 4;
  }
  message LogTag { required string Key = 1; required string Value = 2; }
  message LogGroup {
    repeated Log Logs = 1;
    optional string Reserved = 2;
    optional string Topic = 3;
    optional string Source = 4;
    optional string MachineUUID = 5;
    repeated LogTag LogTags = 6;
  }
  message LogGroupList { repeated LogGroup LogGroupList = 1; }`,
  { keepCase: true },
)

export const logGroupType = root.lookupType('sls.LogGroup')
export const logGroupListType = root.lookupType('sls.LogGroupList')
