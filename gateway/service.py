"""The gateway's service definition."""

from gateway.settings import GatewaySettings
from kit.service import HttpService

SERVICE = HttpService(word="gateway", settings=GatewaySettings, build="gateway.app:build")
