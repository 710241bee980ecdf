import logging

import structlog

# The product's hosts configure logging; tests want only what goes wrong.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
