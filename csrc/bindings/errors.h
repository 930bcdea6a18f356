// Errors that the bindings add to those of the native rooms.

#pragma once

#include <stdexcept>

namespace offhook {

/// A model file cannot be used; becomes offhook.errors.ModelError.
class ModelLoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace offhook
