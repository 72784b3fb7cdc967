"""Why somebody may not do something.

SecurityError
├── SignInRequired           401  nobody is signed in, or no longer
├── TokenRequired            401  the API wants a bearer token that is good
├── PasswordChangeRequired   303  a one-time password opens only the page that replaces it
├── RoleTooLow               403  signed in, but not allowed
├── RequestForged            403  no or a wrong CSRF token, or sent by another site
└── InputRefused             422  a value that a form or a body gave is not acceptable
"""


class SecurityError(Exception):
    """Any refusal for who sent a request or what it wants to be."""


class SignInRequired(SecurityError):
    """Nobody is signed in, or no longer."""


class TokenRequired(SecurityError):
    """The API wants a bearer token that is good."""


class PasswordChangeRequired(SecurityError):
    """A one-time password opens only the page that replaces it."""


class RoleTooLow(SecurityError):
    """Signed in, but not allowed.

    Attributes:
        needed: The least role that may.
    """

    def __init__(self, message: str, *, needed: str) -> None:
        super().__init__(message)
        self.needed = needed


class RequestForged(SecurityError):
    """No or a wrong CSRF token, or a request that another site sent."""


class InputRefused(SecurityError):
    """A value that a form or a body gave is not acceptable.

    Attributes:
        field: Which one.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
