# The simulator and the judge of the benches; they use core/base alone.

SIM_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(sort $(filter-out tests/sim/judge%,$(wildcard tests/sim/*.c))))
JUDGE_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/sim/judge*.c)))
BASE_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard core/base/*.c)))

$(BUILD)/tests/simulate: $(SIM_OBJ) $(BASE_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/judge: $(JUDGE_OBJ) $(BASE_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(SIM_OBJ:.o=.d) $(JUDGE_OBJ:.o=.d)

.PHONY: check-sim
check-sim: $(BUILD)/tests/simulate $(BUILD)/tests/judge
	$(Q)sh tests/sim.sh $^
