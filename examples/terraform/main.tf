# A flow log of one VPC of a Weir server on this machine, with the logstore that its records go to.
#
#   export ALICLOUD_ACCESS_KEY=... ALICLOUD_SECRET_KEY=...    # weir start prints the first key, weir key create others
#   terraform init && terraform apply

terraform {
  required_providers {
    alicloud = { source = "aliyun/alicloud" }
  }
}

variable "server" {
  description = "Host and port of Weir"
  default     = "127.0.0.1:8080"
}

variable "log_service" {
  description = "The same by a name that begins with http, below which every name leads to Weir"
  default     = "http-sls.localhost:8080"
}

variable "vpc" {
  description = "A VPC of the topology; this one is of the sample project"
  default     = "vpc-bp1ekmgzch0bo3hxXXXXXX"
}

provider "alicloud" {
  region                 = "cn-hangzhou"
  skip_region_validation = true
  protocol               = "HTTP"
  account_id             = "1210123456789012" # any; without it the provider would ask another service
  endpoints {
    vpc = var.server
    log = var.log_service
  }
}

resource "alicloud_log_project" "network" {
  project_name = "network-audit"
  description  = "Flow logs of all VPCs"
}

resource "alicloud_log_store" "records" {
  project_name     = alicloud_log_project.network.project_name
  logstore_name    = "flow-log"
  retention_period = 180
}

resource "alicloud_vpc_flow_log" "vpc" {
  flow_log_name        = "audit"
  resource_type        = "VPC"
  resource_id          = var.vpc
  traffic_type         = "All"
  traffic_path         = ["all"]
  aggregation_interval = "10"
  project_name         = alicloud_log_project.network.project_name
  log_store_name       = alicloud_log_store.records.logstore_name
  tags                 = { team = "network" }
}
