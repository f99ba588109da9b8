"""What the gateway is."""

from gateway.settings import GatewaySettings
from kit.service import HttpService

SERVICE = HttpService(word="gateway", settings=GatewaySettings, build="gateway.app:build")
