// How the language model room says no.  The bindings translate it, once, to offhook.errors.

#pragma once

#include <stdexcept>
#include <string>

namespace offhook::llm {

enum class ErrorCode {
  kInvalid,  ///< an argument is wrong (ValueError)
  kBusy,     ///< no place is free now (BusyError)
  kModel,    ///< the model is missing, unfit, full, closed, or failed while running (ModelError)
};

/// One line that says what is wrong and what to do.
class EngineError : public std::runtime_error {
 public:
  EngineError(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace offhook::llm
